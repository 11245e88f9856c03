/** Components of a node: static pods by their manifests, the kubelet by its command line. */

import { parseFlags } from '../../domain/cluster/flags.js';
import type { ComponentRecord } from '../../domain/cluster/inventory.js';
import { readManifest } from '../../domain/cluster/manifest.js';
import type { NodeFindings } from '../files/read-files.js';

const staticPods = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'] as const;

/** Throws layout-unsupported, with the path, on a manifest that cannot be read. */
export function componentsOf(findings: NodeFindings, kubeletVersion: string): ComponentRecord[] {
  const pods = [...findings.manifests].flatMap(([path, text]): ComponentRecord[] => {
    if (text === '') return [];
    const { name, image, flags } = readManifest(text, path);
    const known = staticPods.find((component) => component === name);
    return known === undefined ? [] : [{ name: known, version: versionOf(image), flags, manifest: path }];
  });
  if (findings.kubelet === undefined) return pods;
  return [...pods, { name: 'kubelet', version: kubeletVersion, flags: parseFlags(findings.kubelet.slice(1)) }];
}

/** The tag of an image, without a digest; empty if it has none. */
function versionOf(image: string): string {
  return /:([^/:@]+)(?:@.*)?$/.exec(image)?.[1] ?? '';
}
