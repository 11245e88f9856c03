/** Temporary. */
import type { ChainCertificate } from './chain.js';
export function goHostFault(leaf: ChainCertificate, name: string): { readonly text: string } | undefined {
  const { sans } = leaf.record;
  if (sans.some((san) => san === `DNS:${name}` || san === `IP:${name}` || san === name)) return undefined;
  return { text: `it is not for ${name}, but for ${sans.join(', ')}` };
}
