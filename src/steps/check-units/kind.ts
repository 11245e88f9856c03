/** check-units: would systemd, or the kubelet, start the components of this node as they run now? Reads only. */

import { z } from 'zod';
import { type ComponentRecord, podOf } from '../../domain/cluster/inventory.js';
import { flagDifferences, startedBy } from '../../domain/cluster/unit-command.js';
import { failure, type Failure } from '../../domain/errors.js';
import { nodeOf } from '../../operations/identity-probe.js';
import { podDifferences } from './pods.js';
import { readsOnly } from '../../operations/reads-only.js';
import { limitsOf } from '../../operations/waiting.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({});

export const checkUnits: StepKind<z.infer<typeof params>> = {
  name: 'check-units',
  targets: 'nodes',
  params,
  ...readsOnly,

  async preflight(site) {
    const node = nodeOf(site);
    const failures: Failure[] = layout(site, node.components);
    for (const component of node.components) {
      if (component.unit !== undefined) failures.push(...(await differing(site, component)));
      else if (podOf(component) !== undefined) failures.push(...(await podDifferences(site, component)));
    }
    return failures;
  },
};

/** What a cutover restarts must be there, as units; three may be pods. */
function layout(site: Site, components: readonly ComponentRecord[]): Failure[] {
  const isControlPlane = components.some(({ name }) => name === 'kube-apiserver') || nodeOf(site).roles.includes('control-plane');
  const wanted = isControlPlane ? (['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet'] as const) : (['kubelet'] as const);
  const missing = wanted.filter((name) => !components.some((c) => c.name === name && (c.unit !== undefined || podOf(c) !== undefined)));
  if (missing.length === 0) return [];
  const found = components.map((c) => `${c.name} (${c.unit?.name ?? c.manifest ?? (c.pod === undefined ? 'started by hand' : (c.pod.manifest ?? 'a pod without a manifest'))})`);
  return [
    failure('layout-unsupported', {
      target: site.target,
      summary: `${missing.join(', ')} not found as systemd unit${missing.length === 1 ? '' : 's'}`,
      cause: `found: ${found.join(', ') || 'none of the components'}; expected: a running process of that name in the control group of a .service, or, of the control plane but etcd, in a pod on the host's network`,
      nextAction:
        'Start the component by a unit whose program has its usual name; etcd on hosts of its own, and masters without a kubelet, this playbook does not cover. For a cluster of kubeadm use playbooks/cluster-ca.yaml.',
    }),
  ];
}

async function differing(site: Site, { name, unit, flags }: ComponentRecord): Promise<Failure[]> {
  if (unit === undefined) return [];
  const files = unit.environmentFiles.map((path) => `'${path}'`).join(' ');
  const out = await site.shell.must(
    `systemctl show -p ExecStart,Environment,NeedDaemonReload,DropInPaths '${unit.name}'; echo ---${files === '' ? '' : `; cat ${files} 2>/dev/null`}; true`,
    limitsOf(site, 20_000),
  );
  const [properties = '', environment = ''] = out.split('\n---\n');
  const value = (key: string): string =>
    properties
      .split('\n')
      .find((line) => line.startsWith(`${key}=`))
      ?.slice(key.length + 1) ?? '';
  const dropIns = value('DropInPaths');
  const from = [unit.file, ...dropIns.split(' '), ...unit.environmentFiles].filter((path) => path !== '').join(', ');
  if (value('NeedDaemonReload') === 'yes') {
    return [
      failure('unit-differs', {
        target: site.target,
        summary: `the files of ${unit.name} are others than those that systemd has loaded`,
        cause: from,
        nextAction: 'Run "systemctl daemon-reload" and look whether the unit is what you want; restart it by hand first if it is not what runs.',
      }),
    ];
  }
  const started = startedBy({ execStart: value('ExecStart'), environment: value('Environment'), environmentFiles: environment });
  const differences = flagDifferences(name, flags, started);
  if (differences.length === 0) return [];
  return [
    failure('unit-differs', {
      target: site.target,
      summary: `${unit.name} would not start as it runs now: ${differences.join('; ')}`,
      cause: dropIns === '' ? `its files were changed since it was started: ${from}` : `a drop-in overrides it: ${dropIns}`,
      nextAction: 'Restart the unit by hand in a quiet hour, or put its files right; then plan again.',
    }),
  ];
}
