/** kubectl logs and exec on every node: the way from the API server to the kubelets. */

import type { Lab } from '../lab.js';
import { getJson } from '../workloads/kube-objects.js';

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly namespace: string; readonly name: string };
    readonly spec: { readonly nodeName?: string; readonly containers: readonly { readonly name: string }[] };
    readonly status: { readonly phase?: string };
  }[];
}

/** kube-proxy runs on every node and has `--version`; `ok`, or what went wrong. */
export async function logsAndExecOn(lab: Lab, node: string): Promise<{ readonly logs: string; readonly exec: string }> {
  const { items } = await getJson<PodList>(lab, ['-n', 'kube-system', 'pods', '-l', 'k8s-app=kube-proxy', '--field-selector', `spec.nodeName=${node}`]);
  const pod = items.find(({ status }) => status.phase === 'Running');
  if (pod === undefined) throw new Error(`no kube-proxy runs on ${node}`);
  const at = ['-n', pod.metadata.namespace];
  const logs = await lab.kubectl([...at, 'logs', pod.metadata.name, '--tail=1'], { allowFailure: true, timeoutMs: 30_000 });
  const exec = await lab.kubectl([...at, 'exec', pod.metadata.name, '--', 'kube-proxy', '--version'], { allowFailure: true, timeoutMs: 30_000 });
  return { logs: logs.code === 0 ? 'ok' : logs.stderr, exec: exec.code === 0 && exec.stdout.includes('Kubernetes') ? 'ok' : `${exec.stdout}${exec.stderr}` };
}
