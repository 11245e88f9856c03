import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import type { Lab } from '../lab.js';
import { applyObjects, getJson } from '../workloads/kube-objects.js';
import { requestClientCertificate } from './client-certificate.js';
import type { ProbeClass } from './config.js';
import { mountVolume } from './mounted-volume.js';
import { probedObjects, proberGroup, readPath, writePaths } from './probed-objects.js';

export const classNames = ['outgoing-kubeconfig', 'projected-token', 'outgoing-leaf', 'incoming-leaf'] as const;
export type ClassName = (typeof classNames)[number];

/** The kinds of client that exist before a rotation begins. */
export interface OutgoingClasses {
  /** Trusts and presents the outgoing CA only, from a kubeconfig that nobody touches. To be stopped at its hand-off. */
  readonly kubeconfig: ProbeClass;
  /** What a kubelet has mounted into a pod that nobody rolls: token and CA bundle, renewed by the kubelet alone. Runs to the end. */
  readonly token: ProbeClass;
  /** A leaf of the outgoing CA. Its CA file is the caller's to rewrite. To be stopped just before distrust. */
  readonly leaf: ProbeClass;
}

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
  return {
    kubeconfig: { ...paths('outgoing-kubeconfig'), caFile: caFile('outgoing-kubeconfig'), ...(await certificate('outgoing-kubeconfig')) },
    token: { ...paths('projected-token'), ...(await mountVolume(lab)) },
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

function paths(name: ClassName): { name: string; readPath: string; writePaths: readonly string[] } {
  return { name, readPath, writePaths: writePaths(name) };
}
