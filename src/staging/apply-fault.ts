/** Sets one switch of what is broken, or takes it back. */

import { refuseWrites } from './blocking-webhook.js';
import type { StagingContext } from './component.js';
import type { FaultSetting } from './messages.js';
import { signalByName } from './node/signal-process.js';
import { layoutOf } from './layout.js';
import type { StagingVault } from './vault/server.js';

export interface Breakable {
  readonly context: StagingContext;
  readonly vault: StagingVault;
  join(name: string): Promise<void>;
  leave(name: string): Promise<void>;
}

/** Throws for a node that is not known. Resolves when it has happened: a node that is switched off is off. */
export async function setFault({ context, vault, join, leave }: Breakable, setting: FaultSetting): Promise<void> {
  const { faults } = context;
  if (setting.table === 'join') return setting.value === true ? join(setting.node) : leave(setting.node);
  if (setting.table === 'vault') return setVault(vault, setting.value, layoutOf(context.spec).mount);
  if (setting.table === 'webhook') return refuseWrites(context, setting.value === true);
  const node = context.node(setting.node);
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
      return;
    case 'crash':
      if (setting.value !== undefined) await signalByName(node, setting.value, 'KILL');
      return;
    case 'file':
      await otherHand(context, setting);
  }
}

/** All switches back; nodes that are off boot. */
export async function clearFaults({ context, vault }: Pick<Breakable, 'context' | 'vault'>): Promise<void> {
  context.faults.clear();
  setVault(vault, undefined);
  refuseWrites(context, false);
  for (const node of context.nodes()) node.skewMs = 0;
  await Promise.all(context.nodes().map((node) => node.power(true)));
}

function setVault(vault: StagingVault, value: 'sealed' | 'expired' | 'denied' | undefined, mount = ''): void {
  if (value === undefined) {
    vault.unseal();
    vault.restorePolicy();
  } else if (value === 'sealed') vault.seal();
  else if (value === 'expired') vault.expireTokens();
  else vault.denyPath(`${mount}/*`);
}

async function otherHand(context: StagingContext, { node: name, path, value }: Extract<FaultSetting, { table: 'file' }>): Promise<void> {
  const node = context.node(name);
  if (value === undefined) return;
  const before = node.read(path)?.bytes;
  if ('append' in value) node.write(path, Buffer.concat([before ?? Buffer.alloc(0), Buffer.from(value.append)]));
  else node.write(path, Buffer.from(value.from, 'base64'));
}

function put<T>(table: Map<string, T>, node: string, value: T | undefined): void {
  if (value === undefined) table.delete(node);
  else table.set(node, value);
}
