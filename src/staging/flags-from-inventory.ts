/** Flags of an inventory that kubeadm would not have given, with the addresses of the staging cluster in them. */

import type { NodeRecord } from '../domain/cluster/inventory.js';
import { componentFlags } from './pki/component-flags.js';
import type { ClusterSpec, NodeSpec } from './spec.js';

/** By component: those that are not kubeadm's, or have another value. What kubeadm gives and the inventory lacks is a line of `missing`. */
export function flagsBeside(spec: ClusterSpec, node: NodeSpec, record: NodeRecord, placed: ReadonlyMap<string, string>, missing: string[]): NodeSpec['flags'] {
  return Object.fromEntries(
    record.components.flatMap(({ name, flags }) => {
      if (name === 'kube-proxy' || name === 'flanneld') return [];
      const usual = componentFlags(spec, node, name);
      const own = Object.entries(flags)
        .map(([flag, value]) => [flag, withAddresses(value, placed)] as const)
        // Which members there were when one joined is history.
        .filter(([flag, value]) => usual[flag] !== value && !flag.startsWith('initial-cluster'));
      const lacking = Object.keys(usual).filter((flag) => !(flag in flags) && !flag.startsWith('initial-cluster'));
      if (lacking.length > 0) missing.push(`${record.name}: ${name} has no ${lacking.map((flag) => `--${flag}`).join(', ')} there; here it has kubeadm's`);
      return [[name, Object.fromEntries(own)] as const];
    }),
  );
}

function withAddresses(value: string, placed: ReadonlyMap<string, string>): string {
  return [...placed].reduce((text, [from, to]) => (from === '' ? text : text.replaceAll(new RegExp(`(?<![\\d.])${from.replaceAll('.', '\\.')}(?![\\d.])`, 'g'), to)), value);
}
