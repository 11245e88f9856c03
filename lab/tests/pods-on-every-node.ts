/** A new pod on each node, and kubectl logs and exec in it: admission, tokens, the way from the API server to each kubelet, and the network. */

import { probedNamespace } from '../probes/probed-objects.js';
import type { Lab } from '../lab.js';
import { applyObjects, getJson, type KubeObject } from '../workloads/kube-objects.js';

interface DeploymentImage {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } } };
}

const name = 'newcomer';
const labels = { app: name };

/** By node: `Ready`, logs and exec `ok`, or what went wrong. The pods are gone afterwards. */
export async function podsOnEveryNode(lab: Lab): Promise<ReadonlyMap<string, string>> {
  const shop = await getJson<DeploymentImage>(lab, ['-n', 'shop', 'deployment', 'shop']);
  const image = shop.spec.template.spec.containers[0]?.image ?? '';
  await applyObjects(lab, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: probedNamespace } }, newcomers(image)]);
  try {
    await lab.kubectl(['-n', probedNamespace, 'rollout', 'status', `daemonset/${name}`, '--timeout=240s'], { timeoutMs: 250_000 });
    return new Map(await Promise.all(lab.nodes.map(async (node): Promise<[string, string]> => [node.name, await logsAndExec(lab, node.name)])));
  } finally {
    await lab.kubectl(['-n', probedNamespace, 'delete', 'daemonset', name, '--wait=true', '--timeout=120s'], { allowFailure: true, timeoutMs: 130_000 });
  }
}

export function allWell(lab: Lab): ReadonlyMap<string, string> {
  return new Map(lab.nodes.map((node) => [node.name, 'logs ok, exec ok']));
}

/** Called without a role the program of the image says how it is to be used, and ends with 2. */
async function logsAndExec(lab: Lab, node: string): Promise<string> {
  const { items } = await getJson<{ items: readonly { metadata: { name: string } }[] }>(lab, [
    '-n',
    probedNamespace,
    'pods',
    '-l',
    `app=${name}`,
    '--field-selector',
    `spec.nodeName=${node}`,
  ]);
  const pod = items[0]?.metadata.name;
  if (pod === undefined) return 'no pod';
  const logs = await lab.kubectl(['-n', probedNamespace, 'logs', pod], { allowFailure: true, timeoutMs: 60_000 });
  const exec = await lab.kubectl(['-n', probedNamespace, 'exec', pod, '--', '/applications'], { allowFailure: true, timeoutMs: 60_000 });
  return `logs ${logs.code === 0 ? 'ok' : logs.stderr}, exec ${exec.stderr.includes('usage: applications') ? 'ok' : `${exec.code} ${exec.stdout}${exec.stderr}`}`;
}

/** With the token and the CA that the cluster gives to every pod; readiness is asked by the kubelet over the pod's network. */
function newcomers(image: string): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace: probedNamespace, labels },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          tolerations: [{ operator: 'Exists' }],
          containers: [
            {
              name,
              image,
              imagePullPolicy: 'Never',
              args: ['shop'],
              resources: { requests: { cpu: '1m', memory: '8Mi' } },
              readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1, timeoutSeconds: 5 },
            },
          ],
        },
      },
    },
  };
}
