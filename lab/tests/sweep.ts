/** A sweep of all nodes and objects for a CA and all that it signed: the tests' own, with nothing of rotate-ca's code. */

import type { X509Certificate } from 'node:crypto';
import type { Lab } from '../lab.js';
import { belongsTo, certificatesAnywhereIn } from './certificates.js';
import { asRoot, onEach } from './node-script.js';

export interface Sweep {
  /** How many certificates were read, and in how many files and objects that hold any. */
  readonly certificates: number;
  readonly places: number;
  /** `where: subject`, of each that is the CA or was signed by it. */
  readonly found: readonly string[];
}

interface Place {
  readonly where: string;
  readonly certificates: readonly X509Certificate[];
}

/** Everything that can hold a certificate, read whole: files of the pki and of kubeconfigs, and every object of these kinds. */
export async function sweepFor(lab: Lab, ca: X509Certificate): Promise<Sweep> {
  const places = [...(await filesOfNodes(lab)), ...(await objects(lab))];
  return {
    certificates: places.reduce((sum, { certificates }) => sum + certificates.length, 0),
    places: places.filter(({ certificates }) => certificates.length > 0).length,
    found: places.flatMap(({ where, certificates }) =>
      certificates.filter((certificate) => belongsTo(ca, certificate)).map(({ subject }) => `${where}: ${subject.replaceAll('\n', ', ')}`),
    ),
  };
}

const readFiles = `
find /etc/kubernetes /etc/etcd /var/lib/kubelet/pki /var/lib/rotate-ca /root/.kube /home -xdev -type f -size -512k 2>/dev/null | while read -r f; do
  printf '%s\\t%s\\n' "$f" "$(base64 -w0 < "$f")"
done`;

async function filesOfNodes(lab: Lab): Promise<Place[]> {
  const byNode = await onEach(lab.nodes, async (node) => (await asRoot(lab, node, readFiles)).stdout);
  return [...byNode].flatMap(([node, text]) =>
    text
      .trimEnd()
      .split('\n')
      .map((line): Place => {
        const [path = '', encoded = ''] = line.split('\t');
        return { where: `${node} ${path}`, certificates: certificatesAnywhereIn(Buffer.from(encoded, 'base64').toString('latin1')) };
      }),
  );
}

const kinds = ['configmaps', 'secrets', 'validatingwebhookconfigurations', 'mutatingwebhookconfigurations', 'apiservices', 'customresourcedefinitions'];

interface ObjectList {
  readonly items: readonly { readonly kind: string; readonly metadata: { readonly namespace?: string; readonly name: string } }[];
}

async function objects(lab: Lab): Promise<Place[]> {
  const { stdout } = await lab.kubectl(['get', kinds.join(','), '-A', '-o', 'json', '--show-managed-fields=false']);
  const { items } = JSON.parse(stdout) as ObjectList;
  return items.map((item) => ({ where: `${item.kind} ${item.metadata.namespace ?? ''}/${item.metadata.name}`, certificates: certificatesAnywhereIn(JSON.stringify(item)) }));
}
