import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import type { Lab } from '../lab.js';
import { applyObjects, getJson } from '../workloads/kube-objects.js';
import { requestClientCertificate } from './client-certificate.js';
import type { ProbeClass } from './config.js';
import { probedObjects, proberAccount, proberGroup, probedNamespace, readPath, writePath } from './probed-objects.js';

export const classNames = ['outgoing-kubeconfig', 'projected-token', 'outgoing-leaf', 'incoming-leaf'] as const;
export type ClassName = (typeof classNames)[number];

/** The kinds of client that exist before a rotation begins. */
export interface OutgoingClasses {
  /** Trusts and presents the outgoing CA only, from a kubeconfig that nobody touches. To be stopped at its hand-off. */
  readonly kubeconfig: ProbeClass;
  /** A service account's token, with the published CA bundle as a kubelet would refresh it. Runs to the end. */
  readonly token: ProbeClass;
  /** A leaf of the outgoing CA. Its CA file is the caller's to rewrite. To be stopped just before distrust. */
  readonly leaf: ProbeClass;
}

const tokenLife = '12h';
/** The kubelet's sync period with its jitter. */
const volumeRefreshMs = 75_000;

/** Makes the objects that are probed and the credentials of each class, while the cluster still issues from the outgoing CA. */
export async function prepareOutgoingClasses(lab: Lab, folder: string): Promise<OutgoingClasses> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await applyObjects(lab, probedObjects(classNames));
  const caPem = await publishedBundle(lab);
  const caFile = (name: ClassName): string => {
    const file = join(folder, `${name}.ca.crt`);
    writeFileAtomically(file, caPem);
    return file;
  };
  const certificate = (name: ClassName): Promise<{ certFile: string; keyFile: string }> =>
    requestClientCertificate(lab, { name: `prober-${name}`, subject: `/O=${proberGroup}/CN=prober-${name}`, folder });
  const { stdout: token } = await lab.kubectl(['-n', probedNamespace, 'create', 'token', proberAccount, `--duration=${tokenLife}`]);
  const tokenFile = join(folder, 'projected-token.token');
  writeFileAtomically(tokenFile, token.trim());
  return {
    kubeconfig: { ...paths('outgoing-kubeconfig'), caFile: caFile('outgoing-kubeconfig'), ...(await certificate('outgoing-kubeconfig')) },
    token: {
      ...paths('projected-token'),
      caFile: caFile('projected-token'),
      tokenFile,
      refreshCAFrom: `/api/v1/namespaces/${probedNamespace}/configmaps/kube-root-ca.crt`,
      refreshEveryMs: volumeRefreshMs,
    },
    leaf: { ...paths('outgoing-leaf'), caFile: caFile('outgoing-leaf'), ...(await certificate('outgoing-leaf')) },
  };
}

/** A client of the incoming CA, from material that the caller has. Its user must be in the group of the probers. */
export function incomingLeafClass(material: { caFile: string; certFile: string; keyFile: string }): ProbeClass {
  return { ...paths('incoming-leaf'), ...material };
}

/** The CA bundle that the cluster publishes to pods at this moment. */
export async function publishedBundle(lab: Lab): Promise<string> {
  const { data } = await getJson<{ data: Record<string, string> }>(lab, ['-n', 'kube-system', 'configmap', 'kube-root-ca.crt']);
  const bundle = data['ca.crt'];
  if (bundle === undefined) throw new Error('kube-root-ca.crt of kube-system has no ca.crt');
  return bundle;
}

function paths(name: ClassName): { name: string; readPath: string; writePath: string } {
  return { name, readPath, writePath: writePath(name) };
}
