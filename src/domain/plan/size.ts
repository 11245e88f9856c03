/** Sizes as Kubernetes writes them: `200Mi`, `1Gi`. */

import { z } from 'zod';

const unitBytes: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

/** Schema of a parameter that is a size: text in, bytes out. */
export const size = z
  .string()
  .regex(/^\d+(Ki|Mi|Gi)$/, { error: 'is not a size: write "500Mi" or "2Gi"', abort: true })
  .transform((text) => Number(text.slice(0, -2)) * (unitBytes[text.slice(-2)] ?? 1));
