/** When everything ends, as far as it can be reached: over SSH, over the API, or in a folder. Reads only. */

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { openKube } from '../adapters/kube/open-kube.js';
import { fail, failuresOf } from '../domain/errors.js';
import { type Expiry, expiryOf, type Reached } from '../domain/expiry/expiry.js';
import type { Host, Unseen } from '../domain/cluster/inventory.js';
import { readFolder } from '../scan/folder/read-folder.js';
import { readReachable } from '../scan/reach/read-reachable.js';
import { readHosts } from './read-inventory.js';
import { shellsOf } from './world.js';

export interface ExpiryOptions {
  /** Alone: nothing else is read. */
  readonly folder?: string;
  readonly inventoryFile?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly sshConfig?: string;
  readonly knownHosts?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Throws usage (nothing to read is named), inventory-invalid, interrupted. Whatever else fails is in `unseen`. */
export async function expiryNow(options: ExpiryOptions): Promise<Expiry> {
  return expiryOf(options.folder === undefined ? await reach(options) : readFolder(resolve(options.folder)));
}

async function reach(options: ExpiryOptions): Promise<Reached> {
  const { inventoryFile, env, signal } = options;
  const kubeconfig = kubeconfigOf(options);
  if (inventoryFile === undefined && kubeconfig === undefined) {
    fail('usage', {
      target: 'rotate-ca expiry',
      summary: 'nothing to read is named',
      cause: 'there is no inventory, no kubeconfig and no folder',
      nextAction: 'Give -i INVENTORY (over SSH), --kubeconfig FILE (over the API), both, or --folder DIR.',
    });
  }
  const hosts: readonly Host[] = inventoryFile === undefined ? [] : readHosts(readFileSync(inventoryFile, 'utf8'), inventoryFile);
  const shells = hosts.length === 0 ? undefined : shellsOf(hosts, options, env);
  const unseen: Unseen[] = [];
  const access = kubeconfig === undefined ? undefined : await openAccess(kubeconfig, options, unseen);
  try {
    const reached = await readReachable({ hosts, signal, ...(shells === undefined ? {} : { shells }), ...(access === undefined ? {} : { kube: access.kube() }) });
    return { ...reached, unseen: [...unseen, ...reached.unseen] };
  } finally {
    access?.close();
    await shells?.close();
  }
}

/** An expired kubeconfig is a reason to look at what expires, and none to look at nothing. */
async function openAccess(kubeconfig: string, { context, env }: ExpiryOptions, unseen: Unseen[]): Promise<Awaited<ReturnType<typeof openKube>> | undefined> {
  try {
    return await openKube({ kubeconfig, env, ...(context === undefined ? {} : { context }) });
  } catch (error) {
    const [first] = failuresOf(error) ?? [];
    if (first === undefined) throw error;
    unseen.push({ place: 'API', why: `${first.code}: ${first.summary}: ${first.cause}. ${first.nextAction}` });
    return undefined;
  }
}

/** That of ~/.kube/config only where there is one: without it the nodes alone are read. */
function kubeconfigOf({ kubeconfig, env }: ExpiryOptions): string | undefined {
  if (kubeconfig !== undefined) return kubeconfig;
  if ((env.KUBECONFIG ?? '') !== '') return env.KUBECONFIG;
  const usual = join(env.HOME ?? homedir(), '.kube', 'config');
  return existsSync(usual) ? usual : undefined;
}
