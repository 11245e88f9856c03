/** What the files of a node are: path, type, owner, mode, and the hash of their bytes, to compare before with after. */

import type { Lab } from '../lab.js';
import { asRoot, onEach } from './node-script.js';

/** A line for each file, by path. */
export type Manifest = ReadonlyMap<string, string>;

/** Of both layouts: what is not there counts for nothing. */
const roots = [
  '/etc/kubernetes',
  '/etc/etcd',
  '/etc/systemd/system',
  '/var/lib/kubelet/pki',
  '/var/lib/kubelet/config.yaml',
  '/var/lib/kubelet/kubelet-config.yaml',
  '/var/lib/kubelet/kubeadm-flags.env',
  '/var/lib/kube-proxy',
  '/var/lib/rotate-ca',
].join(' ');

const script = `
cd /
find ${roots} \\( -type f -o -type l -o -type d \\) 2>/dev/null | sort | while read -r f; do
  if [ -L "$f" ]; then what="link $(readlink "$f")"
  elif [ -d "$f" ]; then what="folder"
  else what="file $(sha256sum < "$f" | cut -d' ' -f1)"
  fi
  printf '%s\\t%s %s\\n' "$f" "$(stat -c '%U:%G %a' "$f")" "$what"
done`;

export async function manifestOf(lab: Lab, node: string): Promise<Manifest> {
  const { stdout } = await asRoot(lab, node, script);
  return new Map(
    stdout
      .trimEnd()
      .split('\n')
      .map((line): [string, string] => {
        const [path = '', what = ''] = line.split('\t');
        return [path, what];
      }),
  );
}

export function manifestsOf(lab: Lab): Promise<ReadonlyMap<string, Manifest>> {
  return onEach(lab.nodes, (node) => manifestOf(lab, node));
}

/** Differences in words, a line each; none if all is as before. */
export function changesOf(before: ReadonlyMap<string, Manifest>, after: ReadonlyMap<string, Manifest>): string[] {
  const changes: string[] = [];
  for (const [node, then] of before) {
    const now = after.get(node) ?? new Map<string, string>();
    for (const path of [...new Set([...then.keys(), ...now.keys()])].sort()) {
      const [was, is] = [then.get(path), now.get(path)];
      if (was !== is) changes.push(`${node} ${path}: ${was ?? 'not there'} -> ${is ?? 'gone'}`);
    }
  }
  return changes;
}
