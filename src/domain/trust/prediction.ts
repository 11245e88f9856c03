/** What a step should have left at the places that it writes, held against what is seen there. Pure. */

import type { CertificateRecord } from '../cluster/inventory.js';
import { seemsIssuedBy } from '../pki/certificate.js';
import type { Change, Generation } from './changes.js';
import type { PlaceId } from './graph.js';

/** Both CAs of a rotation. */
export type Generations = Readonly<Record<Generation, CertificateRecord>>;

/** Content of a place, as a scan sees it: certificates in their order. Empty: it is not there. */
export type Seen = (place: PlaceId) => readonly CertificateRecord[];

/** One sentence for each place that is not as predicted; none: all is. `before`: what the plan knew of a place. */
export function unlikePrediction(changes: readonly Change[], seen: Seen, parts: { readonly generations: Generations; readonly before: Seen }): string[] {
  return [...lastWrites(changes)].flatMap(([place, change]) => difference(change, place, seen(place), parts) ?? []);
}

/** Of several writes to one place the last one counts. What is copied, moved or made for the engine alone is proved by its kind. */
export function lastWrites(changes: readonly Change[]): Map<PlaceId, Written> {
  const writes = new Map<PlaceId, Written>();
  for (const change of changes) if (change.type === 'trust' || change.type === 'leaf' || change.type === 'remove') writes.set(change.place, change);
  return writes;
}

export type Written = Extract<Change, { type: 'trust' | 'leaf' | 'remove' }>;

function difference(
  change: Written,
  place: PlaceId,
  now: readonly CertificateRecord[],
  { generations, before }: { readonly generations: Generations; readonly before: Seen },
): string | undefined {
  if (change.type === 'remove') return now.length === 0 ? undefined : `${place} was to be removed, and holds ${names(now)}`;
  if (change.type === 'trust') return ofTrust(change.cas, place, now, generations);
  const [leaf] = now;
  const ca = generations[change.ca];
  if (leaf === undefined) return `${place} was to hold a leaf of the ${change.ca} CA, and holds none`;
  if (!seemsIssuedBy(leaf, ca)) return `${place} was to hold a leaf of the ${change.ca} CA, and holds one issued by "${leaf.issuer}"`;
  const [was] = before(place);
  if (was === undefined) return undefined;
  if (leaf.subject !== was.subject) return `the leaf in ${place} was to be for "${was.subject}", and is for "${leaf.subject}"`;
  const lost = was.sans.filter((san) => !leaf.sans.includes(san));
  return lost.length === 0 ? undefined : `the leaf in ${place} has lost ${lost.join(', ')}`;
}

function ofTrust(wanted: readonly Generation[], place: PlaceId, now: readonly CertificateRecord[], generations: Generations): string | undefined {
  const wrong = (['outgoing', 'incoming'] as const).filter((one) => now.some(({ fingerprint }) => fingerprint === generations[one].fingerprint) !== wanted.includes(one));
  if (wrong.length === 0) return undefined;
  return `${place} was to trust ${wanted.join(' + ')}, and holds ${names(now)}`;
}

function names(certificates: readonly CertificateRecord[]): string {
  return certificates.length === 0 ? 'no certificate' : certificates.map(({ subject, fingerprint }) => `"${subject}" (${fingerprint.slice(0, 12)})`).join(' + ');
}
