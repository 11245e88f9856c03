import { setTimeout as sleep } from 'node:timers/promises';
import type { Prober } from '../prober.js';

/** Ends processes by their program: kubelets make the containers anew. */
const end = (...names: readonly string[]): string =>
  `for n in ${names.join(' ')}; do for c in $(grep -lzE "(^|/)$n\\$" /proc/[0-9]*/cmdline 2>/dev/null); do p=\${c#/proc/}; a=$(tr '\\0' '\\n' < $c 2>/dev/null | head -n 1); [ "\${a##*/}" = "$n" ] && kill -TERM \${p%/cmdline}; done; done; true`;

const isListening = (port: number): string => `n=0; while [ $n -lt 40 ] && ! ss -tlnH "sport = :${port}" | grep -q .; do sleep 0.5; n=$((n+1)); done; true`;

/**
 * Ends every process that reads certificates, so that all of them start with what is stored. Kubelets first: one that has just started holds
 * no container back (its back-off is in its memory). etcd before API servers, which wait for it.
 */
export async function restartEverything(prober: Prober): Promise<void> {
  const { controlPlanes, nodes } = prober.lab;
  const onAll = async (those: typeof nodes, script: string): Promise<void> => void (await Promise.all(those.map(({ name }) => prober.on(name, script))));
  await onAll(nodes, 'systemctl restart kubelet; sleep 6; true');
  await onAll(controlPlanes, `${end('etcd')}; sleep 1; ${isListening(2379)}`);
  await onAll(nodes, end('kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'coredns', 'subject', 'sample-apiserver'));
  await onAll(controlPlanes, `sleep 1; ${isListening(6443)}`);
  // It may not come up again: that is then seen.
  const startedMs = Date.now();
  while (Date.now() - startedMs < 45_000 && (await prober.ask('/readyz')).status !== 200) await sleep(1_000);
  await sleep(12_000);
}
