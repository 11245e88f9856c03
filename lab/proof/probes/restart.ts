import { setTimeout as sleep } from 'node:timers/promises';
import type { Prober } from '../prober.js';

/** Ends every process that reads certificates, so that all of them start with what is stored: kubelets make the containers anew. */
export async function restartEverything(prober: Prober): Promise<void> {
  const names = ['kube-apiserver', 'etcd', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'coredns', 'subject', 'sample-apiserver'];
  const script = `for n in ${names.join(' ')}; do for c in $(grep -lzE "(^|/)$n\\$" /proc/[0-9]*/cmdline 2>/dev/null); do p=\${c#/proc/}; a=$(tr '\\0' '\\n' < $c 2>/dev/null | head -n 1); [ "\${a##*/}" = "$n" ] && kill -TERM \${p%/cmdline}; done; done; systemctl restart kubelet; true`;
  await Promise.all(prober.lab.nodes.map(({ name }) => prober.on(name, script)));
  // It may not come up again: that is then seen.
  const startedMs = Date.now();
  await sleep(20_000);
  while (Date.now() - startedMs < 90_000 && (await prober.ask('/readyz')).status !== 200) await sleep(2_000);
  await sleep(15_000);
}
