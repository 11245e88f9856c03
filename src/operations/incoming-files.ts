/** What a cutover puts in place on one node: for each file its text of the incoming CA, staged beside the run under the same path. */

import { RotationError } from '../domain/errors.js';
import type { Inventory } from '../domain/cluster/inventory.js';
import { type Material, materialOf } from '../domain/cluster/material.js';
import type { Site } from '../ports/step-kind.js';
import { stagingDir } from './run-files.js';

/** Folder of what is staged on a node; below it each file has the path of the live one. */
export function incomingDir(site: Pick<Site, 'run'>): string {
  return `${stagingDir(site)}/incoming`;
}

/** Of one inventory it is always the same, and each look at each component asks for it. */
const known = new WeakMap<Inventory, ReturnType<typeof materialOf>>();

/** Throws the failures of materialOf. */
export function materialFor(inventory: Inventory): Material {
  const material = known.get(inventory) ?? materialOf(inventory);
  known.set(inventory, material);
  if ('ca' in material) return material;
  throw new RotationError(material);
}

/** Live paths on a node that a cutover replaces, each once, key before certificate: a process that reloads in between must not pair a new certificate with a key of before. */
export function pathsOn(material: Material, node: string): string[] {
  const pairs = material.identities.flatMap(({ places }) => places.filter((place) => place.node === node));
  const keys = pairs.flatMap((place) => ('key' in place ? [place.key] : []));
  const certificates = pairs.flatMap((place) => ('certificate' in place ? [place.certificate] : [place.kubeconfig]));
  const trust = material.trust.filter((place) => place.node === node).map(({ path }) => path);
  return [...new Set([...keys, ...certificates, ...trust])];
}

/** The serving pair that a kubelet made for itself (k/k pkg/kubelet/certificate/kubelet.go): signed by nobody who matters, made anew where it is absent. */
export const ownServingPair = ['/var/lib/kubelet/pki/kubelet.crt', '/var/lib/kubelet/pki/kubelet.key'] as const;
