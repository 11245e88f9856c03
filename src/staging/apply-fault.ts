/** Sets one switch of what is broken, or takes it back. */

import type { StagingContext } from './component.js';
import type { FaultSetting } from './messages.js';

/** Throws for a node that is not known. Resolves when it has happened: a node that is switched off is off. */
export async function setFault(context: StagingContext, setting: FaultSetting): Promise<void> {
  const node = context.node(setting.node);
  const { faults } = context;
  switch (setting.table) {
    case 'ssh':
      put(faults.ssh, node.name, setting.value);
      return;
    case 'files':
      put(faults.files, node.name, setting.value);
      return;
    case 'api':
      put(faults.api, node.name, setting.value);
      return;
    case 'kubelets':
    case 'etcd':
      if (setting.value === true) faults[setting.table].add(node.name);
      else faults[setting.table].delete(node.name);
      return;
    case 'skew':
      node.skewMs = setting.value ?? 0;
      return;
    case 'power':
      await node.power(setting.value !== 'off');
  }
}

function put<T>(table: Map<string, T>, node: string, value: T | undefined): void {
  if (value === undefined) table.delete(node);
  else table.set(node, value);
}
