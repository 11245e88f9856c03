/** Parameters that several kinds share. */

import { z } from 'zod';

const caName = z.enum(['outgoing', 'incoming']);

/** Which CAs are trusted afterwards, in this order. */
export const trusts = z
  .array(caName)
  .min(1)
  .max(2)
  .refine((list) => new Set(list).size === list.length, 'names a CA twice')
  .describe('Which CAs are trusted afterwards, in this order: outgoing, incoming.');

export const identity = z.enum(['keep', 'incoming']).default('keep').describe('Keep the client certificate, or have one issued by the incoming CA.');
