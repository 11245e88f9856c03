/** Which processes of the control plane run, and since when: to say whether one was restarted. */

import type { Lab } from '../lab.js';
import { asRoot, onEach } from './node-script.js';

const script = `
for name in kube-apiserver etcd; do
  for pid in $(pgrep -x "$name"); do
    [ -r /proc/$pid/stat ] && echo "$name $pid started $(sed 's/.*) //' /proc/$pid/stat | cut -d' ' -f20)"
  done
done`;

/** By node: `kube-apiserver 812 started 19922`, in clock ticks since the machine booted. */
export function serverProcesses(lab: Lab): Promise<ReadonlyMap<string, string>> {
  return onEach(lab.controlPlanes, async (node) => (await asRoot(lab, node, script)).stdout.trim());
}
