/** Leaves of an inventory that differ from what kubeadm would make now: their key types, names, SANs and times. */

import type { CertificateRecord, FileRecord, NodeRecord } from '../domain/cluster/inventory.js';
import type { LeafSpec } from './spec.js';

const pki = '/etc/kubernetes/pki';

/** Files with a leaf that staging makes. */
const made = [
  ...['apiserver', 'apiserver-kubelet-client', 'front-proxy-client', 'apiserver-etcd-client', 'etcd/server', 'etcd/peer', 'etcd/healthcheck-client'].map(
    (name) => `${pki}/${name}.crt`,
  ),
  ...['admin', 'super-admin', 'controller-manager', 'scheduler'].map((name) => `/etc/kubernetes/${name}.conf`),
  '/var/lib/kubelet/pki/kubelet-client-current.pem',
  '/var/lib/kubelet/pki/kubelet.crt',
];

/** All of them, with the times of the inventory: expired ones too. `placed`: staging address by address of the inventory. */
export function leavesOf(record: NodeRecord, placed: ReadonlyMap<string, string>, missing: string[]): LeafSpec[] {
  return record.files.flatMap((file): LeafSpec[] => {
    const leaf = leafIn(file);
    if (leaf === undefined || !made.includes(file.path)) return [];
    if (leaf.keyType === 'other') missing.push(`${record.name}: ${file.path}: its kind of key cannot be made; here it is RSA-2048`);
    const isServing = file.path.endsWith('/kubelet.crt');
    return [
      {
        path: file.path,
        keyType: leaf.keyType === 'other' ? 'rsa-2048' : leaf.keyType,
        // The kubelet names its own pair after the second in which it makes it.
        ...(isServing ? {} : { commonName: commonNameOf(leaf), organizations: organizationsOf(leaf) }),
        sans: leaf.sans.map((san) => placedSan(san, placed)).filter((san) => san !== undefined),
        notBeforeMs: leaf.notBeforeMs,
        notAfterMs: leaf.notAfterMs,
      },
    ];
  });
}

/** Files with certificates or keys for which staging has no place. */
export function pathsWithoutPlace(record: NodeRecord): string[] {
  const shared = ['ca', 'etcd/ca', 'front-proxy-ca'].flatMap((name) => [`${pki}/${name}.crt`, `${pki}/${name}.key`]);
  const known = new Set([
    ...made,
    ...made.map((path) => path.replace(/\.crt$/, '.key')),
    ...shared,
    `${pki}/sa.key`,
    `${pki}/sa.pub`,
    '/etc/kubernetes/kubelet.conf',
    '/var/lib/kubelet/config.yaml',
  ]);
  return record.files
    .filter(({ path, kind }) => kind !== 'manifest' && !known.has(path) && !/\/kubelet-client-\d{4}-/.test(path))
    .concat(record.files.filter(({ path, kind }) => kind === 'manifest' && !/\/(etcd|kube-apiserver|kube-controller-manager|kube-scheduler)\.yaml$/.test(path)))
    .map(({ path }) => path);
}

function leafIn(file: FileRecord): CertificateRecord | undefined {
  return file.kind === 'kubeconfig' ? file.client : file.kind === 'leaf' ? file.certificates[0] : undefined;
}

function organizationsOf({ subject }: CertificateRecord): string[] {
  return [...subject.matchAll(/(?:^|, |\+ ?)O=(.*?)(?=, [A-Za-z0-9.]+=|\+|$)/g)].map(([, name = '']) => name.trim());
}

/** An address of a node becomes that of its place here; one that nothing has here would only be a name without a server, and stays. */
function placedSan(san: string, placed: ReadonlyMap<string, string>): string | undefined {
  const [, kind = '', value = ''] = /^(\w+):(.*)$/.exec(san) ?? [];
  const address = placed.get(value);
  return kind === 'IP' && address !== undefined ? `IP:${address}` : san;
}

/** "O=a, CN=b" -> "b". */
export function commonNameOf({ subject }: Pick<CertificateRecord, 'subject'>): string {
  return /(?:^|, )CN=(.*?)(?:, [A-Za-z0-9.]+=|$)/.exec(subject)?.[1] ?? subject;
}
