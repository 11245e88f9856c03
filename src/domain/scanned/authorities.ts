/** The CAs of a cluster, and how many places hold each. Pure. */

import type { CertificateRecord, Inventory } from '../cluster/inventory.js';

export type CaRole = 'cluster' | 'etcd' | 'front-proxy' | 'other';

export interface Authority {
  readonly record: CertificateRecord;
  /** What components know others by, by their flags. Several: one CA in several roles. */
  readonly roles: readonly CaRole[];
  /** Of several CAs in one role the one that begins last is `incoming`, the others are `outgoing`; `only` without another. */
  readonly generation: 'outgoing' | 'incoming' | 'only';
  /** Files of nodes, values of API objects, and pods whose mounts hold it. */
  readonly files: number;
  readonly objects: number;
  readonly pods: number;
  /** Certificates found that name it as their issuer. */
  readonly issued: number;
}

/** Flags by which components know their peers (kube-apiserver, etcd and kubelet, "Command line tools reference"; kubelet: x509.clientCAFile is in refs). */
const trustFlags: Readonly<Record<string, CaRole>> = {
  'client-ca-file': 'cluster',
  'root-ca-file': 'cluster',
  'cluster-signing-cert-file': 'cluster',
  'trusted-ca-file': 'etcd',
  'peer-trusted-ca-file': 'etcd',
  'etcd-cafile': 'etcd',
  'requestheader-client-ca-file': 'front-proxy',
};

/** In the order of their roles, then of their beginning. */
export function authoritiesOf(inventory: Inventory): Authority[] {
  const found = new Map<string, CertificateRecord>();
  const counts = new Map<string, { files: number; objects: number; pods: number }>();
  const all = new Map<string, CertificateRecord>();
  const count = (certificates: readonly CertificateRecord[], what: 'files' | 'objects' | 'pods'): void => {
    for (const record of new Map(certificates.map((one) => [one.fingerprint, one])).values()) {
      all.set(record.fingerprint, record);
      if (!record.isCa) continue;
      found.set(record.fingerprint, record);
      const own = counts.get(record.fingerprint) ?? { files: 0, objects: 0, pods: 0 };
      own[what] += 1;
      counts.set(record.fingerprint, own);
    }
  };
  const files = inventory.nodes.flatMap((node) => node.files);
  for (const { certificates, client } of files) count(client === undefined ? certificates : [...certificates, client], 'files');
  const held = new Map<string, CertificateRecord[]>();
  for (const { kind, namespace, name, certificates } of inventory.objects) {
    count(certificates, 'objects');
    const key = `${namespace}/${kind} ${name}`;
    held.set(key, [...(held.get(key) ?? []), ...certificates]);
  }
  for (const { namespace, mounts } of inventory.pods ?? [])
    count(
      mounts.flatMap((mount) => held.get(`${namespace}/${mount}`) ?? []),
      'pods',
    );
  const roles = rolesOf(inventory);
  const rows = [...found.values()].map((record) => ({ record, roles: roles.get(record.fingerprint) ?? (['other'] as const) }));
  return rows
    .map((row) => ({
      ...row,
      generation: generationOf(row, rows),
      ...(counts.get(row.record.fingerprint) ?? { files: 0, objects: 0, pods: 0 }),
      issued: [...all.values()].filter((one) => one.fingerprint !== row.record.fingerprint && isFrom(one, row.record)).length,
    }))
    .toSorted((a, b) => order.indexOf(a.roles[0] ?? 'other') - order.indexOf(b.roles[0] ?? 'other') || a.record.notBeforeMs - b.record.notBeforeMs);
}

const order: readonly CaRole[] = ['cluster', 'etcd', 'front-proxy', 'other'];

/** By fingerprint, of the CAs in files that flags name. */
export function rolesOf(inventory: Inventory): Map<string, CaRole[]> {
  const roles = new Map<string, CaRole[]>();
  for (const { components, files } of inventory.nodes) {
    for (const { flags } of components) {
      for (const [flag, role] of Object.entries(trustFlags)) {
        const file = flags[flag] === undefined ? undefined : files.find(({ path }) => path === flags[flag]);
        for (const { fingerprint, isCa } of file?.certificates ?? []) {
          const own = roles.get(fingerprint) ?? [];
          if (isCa && !own.includes(role)) roles.set(fingerprint, [...own, role].toSorted());
        }
      }
    }
  }
  return roles;
}

interface Row {
  readonly record: CertificateRecord;
  readonly roles: readonly CaRole[];
}

/** Of CAs in no role only those of one name are generations of each other. */
function generationOf({ record, roles }: Row, rows: readonly Row[]): Authority['generation'] {
  const like = rows.filter((row) => (roles[0] === 'other' ? row.roles[0] === 'other' && row.record.subject === record.subject : row.roles.some((role) => roles.includes(role))));
  if (like.length < 2) return 'only';
  return like.some((row) => row.record.notBeforeMs > record.notBeforeMs) ? 'outgoing' : 'incoming';
}

function isFrom(record: CertificateRecord, ca: CertificateRecord): boolean {
  return record.issuer === ca.subject && (record.aki === '' || ca.ski === '' || record.aki === ca.ski);
}
