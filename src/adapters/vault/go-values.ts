/** Values of environment variables as Go's programs read them. */

import { fail } from '../../domain/errors.js';

const truths = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const lies = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);
const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** strconv.ParseBool. Throws RotationError config-invalid for anything else: "yes" must not turn verification off, nor "no" be taken for a yes. */
export function goBoolean(name: string, text: string): boolean {
  if (truths.has(text)) return true;
  if (lies.has(text)) return false;
  return refuse(name, `"${text}" is neither true nor false`, `Write ${name}=true or ${name}=false`);
}

/** Seconds as a bare number, or a Go duration ("1m30s"); in ms. Throws RotationError config-invalid. */
export function durationMs(name: string, text: string): number {
  if (/^\d+$/.test(text) && Number(text) > 0) return Number(text) * 1_000;
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return refuse(name, `"${text}" is no duration`, `Write for example ${name}=60s`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) total += Number(amount) * (unitsMs[unit ?? ''] ?? 0);
  return total > 0 ? total : refuse(name, 'it is zero', `Write for example ${name}=60s`);
}

function refuse(target: string, cause: string, nextAction: string): never {
  return fail('config-invalid', { target, summary: `The setting ${target} for Vault cannot be used`, cause, nextAction });
}
