/** What renew-control-plane changes on one control plane, in the order of its apply, for the proof. */

import type { Inventory } from '../../domain/cluster/inventory.js';
import type { Change } from '../../domain/trust/changes.js';
import { componentId, filePlace, inputId } from '../../domain/trust/names.js';
import { paths, splitSignerFlags } from '../../operations/run-files.js';
import { components, type Params } from './files.js';

const trustFlags = ['cluster-signing-cert-file', 'root-ca-file'] as const;

export function changesOf(p: Params, inventory: Inventory, target: string): Change[] {
  const before = inventory.nodes.find(({ name }) => name === target)?.components.find(({ name }) => name === 'kube-controller-manager')?.flags ?? {};
  const manager = componentId('kube-controller-manager', target);
  const split = p.signer === 'split';
  const signing = before['cluster-signing-cert-file'] ?? paths.ca;
  return [
    // What is there from an earlier split stays: the copy is made once (files.ts isFirstSplit), and switch-signer has written it since.
    ...(split && p.identity === 'keep' ? [{ type: 'copy', from: filePlace(target, signing), to: filePlace(target, paths.signingCa) } as const] : []),
    ...(split ? [{ type: 'trust', place: filePlace(target, paths.publishedCa), cas: p.trusts } as const] : []),
    ...components.flatMap(({ conf }): Change[] => [
      { type: 'trust', place: filePlace(target, conf, 'ca'), cas: p.trusts },
      ...(p.identity === 'incoming' ? [{ type: 'leaf', place: filePlace(target, conf, 'client'), ca: 'incoming' } as const] : []),
    ]),
    ...trustFlags.map((flag): Change => ({ type: 'read', input: inputId(manager, flag), from: filePlace(target, (split ? splitSignerFlags[flag] : before[flag]) ?? paths.ca) })),
    ...components.map(({ name }): Change => ({ type: 'restart', process: componentId(name, target) })),
    ...(split ? [] : [paths.signingCa, paths.publishedCa].map((path): Change => ({ type: 'remove', place: filePlace(target, path) }))),
  ];
}
