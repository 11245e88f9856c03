/** The leaves of a cutover as wishes: what is asked of the roles of the issuer before anything is issued, and issued under them later. */

import type { CertificateRecord } from '../domain/cluster/inventory.js';
import type { Identity, Material } from '../domain/cluster/material.js';
import type { LeafWish } from '../domain/issuing/unfit-role.js';
import { subjectOf } from '../domain/cluster/material.js';
import { recordsOf } from '../domain/pki/certificate.js';
import type { Site } from '../ports/step-kind.js';
import { engineTtlMs } from './engine-credential.js';
import { probeUser } from './identity-probe.js';

/** As the leaf in use, but for its key and its life: names, organisations, usages and kind of key stay. */
export function wishOf({ commonName, organizations, leaf }: Identity, ttlMs: number): LeafWish {
  const usages = leaf.usages.length === 0 ? (['serverAuth', 'clientAuth'] as const) : leaf.usages;
  return { commonName, organizations, sans: leaf.sans, usages, keyType: leaf.keyType, ttlMs };
}

/** Every leaf that a run will ask for: those of the cluster, the engine's own, and that of its probes. */
export function allWishes(site: Pick<Site, 'access'>, material: Material, ttlMs: number): LeafWish[] {
  const own = site.access.original();
  const ofEngine: CertificateRecord | undefined = own === undefined ? undefined : recordsOf(own.certificatePem)[0];
  const client = { sans: [], usages: ['clientAuth'] as const, keyType: material.ca.keyType };
  return [
    ...material.identities.map((identity) => wishOf(identity, ttlMs)),
    ...(ofEngine === undefined ? [] : [{ ...client, ...subjectOf(ofEngine.subject), ttlMs: engineTtlMs }]),
    { ...client, commonName: probeUser, organizations: [], ttlMs: 10 * 60_000 },
  ];
}
