/** Looks for a certificate in every file of every node and in every object, as bytes: it knows nothing of where certificates should be. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StagingContext } from './component.js';

export interface SweepResult {
  readonly nodes: number;
  readonly files: number;
  readonly objects: number;
  /** "cp1:/etc/kubernetes/pki/ca.crt", "ConfigMap kube-public/cluster-info". */
  readonly found: readonly string[];
}

/** Folders of a node that hold no files of its own: programs and what stands for /proc. */
const skipped = new Set(['proc', 'usr', 'bin', 'sbin', 'lib', 'dev', 'sys', 'tmp']);

/** `caPem`: one certificate. A node that is off is swept too: its disk counts. */
export function sweep(context: StagingContext, caPem: string): SweepResult {
  const needles = needlesOf(caPem);
  const found: string[] = [];
  let files = 0;
  for (const node of context.nodes()) {
    for (const path of filesBelow(node.root)) {
      files += 1;
      const bytes = readFileSync(join(node.root, path));
      if (needles.some((needle) => bytes.includes(needle))) found.push(`${node.name}:${path}`);
    }
  }
  const { objects } = JSON.parse(context.store.dump()) as {
    readonly objects: readonly { readonly kind: string; readonly metadata: { readonly namespace?: string; readonly name: string } }[];
  };
  for (const object of objects) {
    const text = JSON.stringify(object);
    if (needles.some((needle) => text.includes(needle)))
      found.push(`${object.kind} ${object.metadata.namespace === undefined ? '' : `${object.metadata.namespace}/`}${object.metadata.name}`);
  }
  return { nodes: context.nodes().length, files, objects: objects.length, found };
}

/** A line of the PEM that only this certificate has, and base64 of it in its three alignments: so kubeconfigs and Secrets carry it. */
function needlesOf(caPem: string): string[] {
  const lines = caPem.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
  // Its last whole line is of the signature.
  const line = lines.at(-2) ?? lines[0] ?? '';
  const encoded = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), Buffer.from(line)]).toString('base64');
    // The first and last characters depend on the neighbours.
    return text.slice(before === 0 ? 0 : 4, -4);
  });
  return [line, ...encoded];
}

function filesBelow(root: string, folder = '/'): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return folder === '/' && skipped.has(entry.name) ? [] : filesBelow(root, path);
    return entry.isFile() ? [path] : [];
  });
}
