/** Full scans of clusters of any size: synthetic inventories whose certificates are real, so that their signatures can be verified, with pods and Secrets. */

import type { CertificateRecord, FileRecord, Inventory, NodeRecord, ObjectRecord, PodHolder } from '../src/domain/cluster/inventory.js';
import { parseCertificate } from '../src/domain/pki/certificate.js';
import { splitPem } from '../src/domain/pki/pem.js';
import { type Ca, makeCa, makeLeaf } from '../src/x509/certificate-authority.js';
import { type KeyPair, makeKeyPair } from '../src/x509/key-pair.js';
import { syntheticInventory } from './synthetic-inventory.js';

export interface ScanSize {
  readonly nodes: number;
  readonly podsPerNode: number;
  /** With PEM in them: half of them a copy of the cluster's CA, half a leaf of another. */
  readonly secrets: number;
}

const namespaces = 100;

/** As `rotate-ca scan` would give it. Certificates of each node are its own; all leaves share one key, which no verifier looks at twice. */
export async function syntheticScan({ nodes, podsPerNode, secrets }: ScanSize): Promise<Inventory> {
  const inventory = syntheticInventory(nodes);
  const issuer = await openIssuer(inventory);
  const withLeaves: NodeRecord[] = [];
  for (const node of inventory.nodes) withLeaves.push({ ...node, files: await Promise.all(node.files.map((file) => fileWith(file, node, issuer))) });
  const objects = await Promise.all(inventory.objects.map((object) => objectWith(object, issuer)));
  const ca = issuer.clusterCa();
  const published = numbers(namespaces).map((n) =>
    objectOf({ kind: 'ConfigMap', namespace: `apps-${n}`, name: 'kube-root-ca.crt', field: '/data/ca.crt', writer: 'kube-controller-manager' }, [ca]),
  );
  const copies = numbers(Math.floor(secrets / 2)).map((n) =>
    objectOf({ kind: 'Secret', namespace: `apps-${n % namespaces}`, name: `client-${n}`, field: '/data/ca.crt', writer: 'none' }, [ca]),
  );
  const others = await Promise.all(
    numbers(Math.ceil(secrets / 2)).map(async (n) =>
      objectOf({ kind: 'Secret', namespace: `apps-${n % namespaces}`, name: `server-${n}`, field: '/data/tls.crt', writer: 'none' }, [await issuer.ofOtherCa(`server-${n}.apps`)]),
    ),
  );
  return {
    ...inventory,
    nodes: withLeaves,
    objects: [...objects, ...published, ...copies, ...others],
    pods: withLeaves.flatMap((node, at) => numbers(podsPerNode).map((n) => podOf(node.name, at * podsPerNode + n))),
    certificates: issuer.pems(),
  };
}

function podOf(node: string, n: number): PodHolder {
  return {
    namespace: `apps-${n % namespaces}`,
    name: `app-${n}`,
    node,
    serviceAccount: 'default',
    owner: `Deployment/app-${n % 1_000}`,
    startedAtMs: 1_700_000_000_000,
    images: ['registry.example.org/app:1'],
    mounts: ['ConfigMap kube-root-ca.crt'],
    token: 'bound',
  };
}

interface Issuer {
  /** The same certificate, as it would be for this owner. */
  again(record: CertificateRecord, owner: string): Promise<CertificateRecord>;
  clusterCa(): CertificateRecord;
  ofOtherCa(commonName: string): Promise<CertificateRecord>;
  pems(): Record<string, string>;
}

/** CAs by their subject: those of the recording, and one for each issuer that the recording names without having it. */
async function openIssuer(inventory: Inventory): Promise<Issuer> {
  const pair = await makeKeyPair('rsa-2048');
  const pems: Record<string, string> = {};
  const cas = new Map<string, Promise<Ca>>();
  const made = new Map<string, Promise<CertificateRecord>>();
  const keep = (pem: string): CertificateRecord => {
    const [block] = splitPem(pem).blocks;
    const { record } = parseCertificate(block?.bytes ?? new Uint8Array());
    pems[record.fingerprint] = pem;
    return record;
  };
  const caOf = (subject: string, like: Pick<CertificateRecord, 'notBeforeMs' | 'notAfterMs'>): Promise<Ca> => {
    const ca = cas.get(subject) ?? makeCa({ notBeforeMs: like.notBeforeMs, notAfterMs: like.notAfterMs, subject: { commonName: commonName(subject) }, keyType: 'rsa-2048' });
    cas.set(subject, ca);
    return ca;
  };
  const issue = async (record: CertificateRecord): Promise<CertificateRecord> => {
    if (record.isCa) return keep((await caOf(record.subject, record)).certificatePem);
    return keep(await makeLeaf({ ...leafParts(record), ca: await caOf(record.issuer, record), pair }));
  };
  const takenAtMs = Date.parse(inventory.takenAt);
  const other = { notBeforeMs: takenAtMs - 86_400_000, notAfterMs: takenAtMs + 86_400_000_000 };
  const clusterCa = inventory.nodes[0]?.files.find(({ path }) => path === '/etc/kubernetes/pki/ca.crt')?.certificates[0];
  if (clusterCa === undefined) throw new Error('the recording has no CA');
  const outgoing = await issue(clusterCa);
  return {
    again(record, owner) {
      const key = `${record.fingerprint} ${record.isCa ? '' : owner}`;
      const found = made.get(key) ?? issue(record);
      made.set(key, found);
      return found;
    },
    clusterCa: () => outgoing,
    ofOtherCa: async (name) =>
      keep(await makeLeaf({ ...other, subject: { commonName: name }, sans: [`DNS:${name}`], usages: ['serverAuth'], ca: await caOf('CN=other-ca', other), pair })),
    pems: () => pems,
  };
}

function leafParts({ subject, sans, usages, notBeforeMs, notAfterMs }: CertificateRecord): Omit<Parameters<typeof makeLeaf>[0], 'ca' | 'pair'> & { readonly pair?: KeyPair } {
  const organizations = [...subject.matchAll(/(?:^|, |\+)O=([^,+]*)/g)].map(([, name = '']) => name);
  return { subject: { commonName: commonName(subject), organizations }, sans, usages, notBeforeMs, notAfterMs };
}

async function fileWith(file: FileRecord, node: NodeRecord, issuer: Issuer): Promise<FileRecord> {
  const certificates = await Promise.all(file.certificates.map((one) => issuer.again(one, node.name)));
  const client = file.client === undefined ? undefined : await issuer.again(file.client, node.name);
  const refs = refsOf(file);
  return { ...file, certificates, ...(client === undefined ? {} : { client }), ...(refs === undefined ? {} : { refs }) };
}

/** The recording is older than the scan that reads these. */
function refsOf({ path, refs }: FileRecord): Readonly<Record<string, string>> | undefined {
  if (path === '/var/lib/kubelet/config.yaml') return { clientCAFile: '/etc/kubernetes/pki/ca.crt', ...refs };
  if (path === '/etc/kubernetes/kubelet.conf') return { 'client-certificate': '/var/lib/kubelet/pki/kubelet-client-current.pem', ...refs };
  return refs;
}

async function objectWith(object: ObjectRecord, issuer: Issuer): Promise<ObjectRecord> {
  return { ...object, certificates: await Promise.all(object.certificates.map((one) => issuer.again(one, ''))) };
}

function objectOf(of: Pick<ObjectRecord, 'kind' | 'namespace' | 'name' | 'field' | 'writer'>, certificates: readonly CertificateRecord[]): ObjectRecord {
  return { apiVersion: 'v1', encoding: of.kind === 'Secret' ? 'base64-pem' : 'pem', ...of, certificates };
}

function commonName(subject: string): string {
  return /(?:^|, |\+)CN=((?:\\.|[^,+\\])*)/.exec(subject)?.[1] ?? subject;
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}
