/** What a kubelet has mounted into a pod: the projected token and the published CA bundle, renewed by nobody but the kubelet. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../lab.js';
import { nodePids } from '../node/cgroups.js';
import { applyObjects, getJson } from '../workloads/kube-objects.js';
import { probedNamespace, proberAccount } from './probed-objects.js';

const holder = 'volume-holder';

/** A pod of nothing, which nobody rolls: what it loaded at its start breaks, and a plan must be told that it may. It asks the API nothing. */
export const holderEdges = `E11 pod ${probedNamespace}/${holder} -> *`;

/** A bare pod, which no rollout makes anew: its volumes are as late as volumes can be. Paths on this machine, through the node's own mounts. */
export async function mountVolume(lab: Lab): Promise<{ readonly caFile: string; readonly tokenFile: string }> {
  const node = lab.workers[0] ?? lab.controlPlanes[0];
  if (node === undefined) throw new Error('the lab has no node');
  await applyObjects(lab, [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: holder, namespace: probedNamespace },
      spec: {
        nodeName: node.name,
        serviceAccountName: proberAccount,
        terminationGracePeriodSeconds: 0,
        tolerations: [{ operator: 'Exists' }],
        containers: [{ name: 'pause', image: lab.layout.release.images.pause }],
      },
    },
  ]);
  await lab.kubectl(['-n', probedNamespace, 'wait', '--for=condition=Ready', `pod/${holder}`, '--timeout=300s'], { timeoutMs: 310_000 });
  const { metadata } = await getJson<{ metadata: { uid: string } }>(lab, ['-n', probedNamespace, 'pod', holder]);
  const projected = join(`/proc/${initOf(lab, node.name)}/root/var/lib/kubelet/pods/${metadata.uid}/volumes/kubernetes.io~projected`);
  const volume = readdirSync(projected).find((name) => existsSync(join(projected, name, 'token')));
  if (volume === undefined) throw new Error(`${holder} has no projected token on ${node.name}`);
  return { caFile: join(projected, volume, 'ca.crt'), tokenFile: join(projected, volume, 'token') };
}

/** The process that is 1 in the node: its root is the node's, with all that is mounted there. */
function initOf(lab: Lab, node: string): number {
  const init = nodePids(lab.layout, node).find((pid) => /^NSpid:(\s+\d+)*\s+1$/m.test(statusOf(pid)));
  if (init === undefined) throw new Error(`${node} has no init`);
  return init;
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}
