/** What a human must know of an inventory: halves that do not fit, references that lead nowhere, one CA or key in two roles, CAs in a circle. Pure. */

import { type CertificateRecord, fileOf, type Inventory, type NodeRecord, type ScanFinding } from '../cluster/inventory.js';
import { tokenKeysOf } from '../cluster/token-keys.js';
import { rolesOf } from './authorities.js';

export function findingsOf(inventory: Inventory): ScanFinding[] {
  return [...inventory.nodes.flatMap((node) => [...pairs(node), ...missing(node)]), ...sharedCas(inventory), ...sharedKeys(inventory), ...circles(inventory)];
}

/** Flags of a pair (kube-apiserver, etcd, kubelet, "Command line tools reference"). */
const pairFlags: readonly (readonly [certificate: string, key: string])[] = [
  ['tls-cert-file', 'tls-private-key-file'],
  ['cert-file', 'key-file'],
  ['peer-cert-file', 'peer-key-file'],
  ['etcd-certfile', 'etcd-keyfile'],
  ['kubelet-client-certificate', 'kubelet-client-key'],
  ['proxy-client-cert-file', 'proxy-client-key-file'],
  ['cluster-signing-cert-file', 'cluster-signing-key-file'],
];

/** Of flags, of kubeconfigs, of files that hold both, and of names that differ by .crt and .key. */
function pairs(node: NodeRecord): ScanFinding[] {
  const wanted = new Map<string, string>();
  for (const { flags } of node.components) {
    for (const [certificate, key] of pairFlags) {
      const [one, other] = [flags[certificate], flags[key]];
      if (one !== undefined && other !== undefined) wanted.set(one, other);
    }
  }
  for (const { path, refs, certificates, keySpki } of node.files) {
    const [one, other] = [refs?.['client-certificate'] ?? refs?.tlsCertFile, refs?.['client-key'] ?? refs?.tlsPrivateKeyFile];
    if (one !== undefined && other !== undefined) wanted.set(one, other);
    const beside = path.replace(/\.(crt|pem)$/, (ending) => (ending === '.crt' ? '.key' : '-key.pem'));
    if (certificates.length > 0 && keySpki !== undefined) wanted.set(path, path);
    else if (beside !== path && !wanted.has(path) && fileOf(node, beside) !== undefined) wanted.set(path, beside);
  }
  return [...wanted].flatMap(([certificate, key]) => {
    const spki = fileOf(node, certificate)?.certificates[0]?.spki;
    const own = fileOf(node, key)?.keySpki;
    if (spki === undefined || own === undefined || spki === own) return [];
    return [
      {
        code: 'pair-mismatch',
        place: `${node.name}:${certificate}`,
        meaning: `its key ${key === certificate ? 'in the same file' : `${key}`} is that of another certificate: whoever loads the pair fails`,
      },
    ];
  });
}

function missing(node: NodeRecord): ScanFinding[] {
  return node.files.flatMap(({ path, kind, refs, refLines = {} }) =>
    kind !== 'kubeconfig'
      ? []
      : Object.entries(refs ?? {})
          .filter(([, to]) => fileOf(node, to) === undefined)
          .map(([key, to]) => ({
            code: 'reference-missing',
            place: withLine(`${node.name}:${path}`, refLines[key]),
            meaning: `its ${key} is ${to}, where nothing was found that can be read as one`,
          })),
  );
}

function withLine(place: string, line: number | undefined): string {
  return line === undefined ? place : `${place}:${line}`;
}

function sharedCas(inventory: Inventory): ScanFinding[] {
  const names = new Map(inventory.nodes.flatMap(({ files }) => files.flatMap(({ certificates }) => certificates.map((one) => [one.fingerprint, one] as const))));
  return [...rolesOf(inventory)].flatMap(([fingerprint, roles]) => {
    if (roles.length < 2) return [];
    const subject = names.get(fingerprint)?.subject ?? '';
    return [
      {
        code: 'two-roles',
        place: `CA ${subject} ${fingerprint.slice(0, 16)}`,
        meaning: `one CA for ${roles.join(' and ')}: whoever has a leaf of it for one is let in by the others, and all are rotated at once`,
      },
    ];
  });
}

/** A key that signs tokens and serves as well: when the leaf is issued anew, no token is valid any more. */
function sharedKeys(inventory: Inventory): ScanFinding[] {
  const keys = new Set(tokenKeysOf(inventory));
  const seen = new Set<string>();
  return inventory.nodes.flatMap((node) =>
    node.files.flatMap(({ path, certificates: [first] }) => {
      if (first === undefined || !keys.has(first.spki) || seen.has(first.spki)) return [];
      seen.add(first.spki);
      return [{ code: 'two-roles', place: `${node.name}:${path}`, meaning: 'its key signs the tokens of service accounts too: with a new key no token of before is valid' }];
    }),
  );
}

/** CAs that certify each other in a circle: what verifies then depends on which of them a verifier has. */
function circles(inventory: Inventory): ScanFinding[] {
  const cas = new Map<string, CertificateRecord>();
  const all = [...inventory.nodes.flatMap(({ files }) => files.flatMap(({ certificates }) => certificates)), ...inventory.objects.flatMap(({ certificates }) => certificates)];
  for (const one of all) if (one.isCa && one.issuer !== one.subject) cas.set(one.fingerprint, one);
  const issuers = new Map<string, Set<string>>();
  for (const { subject, issuer } of cas.values()) issuers.set(subject, (issuers.get(subject) ?? new Set()).add(issuer));
  const told = new Set<string>();
  return [...issuers.keys()].flatMap((start) => {
    const circle = wayBack(start, issuers);
    if (circle === undefined || circle.some((name) => told.has(name))) return [];
    for (const name of circle) told.add(name);
    return [{ code: 'cross-cycle', place: `CA ${start}`, meaning: `${circle.join(', ')} certify each other in a circle: to distrust one of them takes all of their certificates` }];
  });
}

function wayBack(start: string, issuers: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const waiting: string[][] = [[start]];
  const seen = new Set<string>();
  for (let way = waiting.shift(); way !== undefined; way = waiting.shift()) {
    for (const next of issuers.get(way.at(-1) ?? '') ?? []) {
      if (next === start) return way;
      if (seen.has(next)) continue;
      seen.add(next);
      waiting.push([...way, next]);
    }
  }
  return undefined;
}
