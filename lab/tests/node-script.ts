/** Scripts on the lab's nodes, as root, over the real SSH: the tests' own way in, apart from that of rotate-ca. */

import type { CommandResult } from '../command.js';
import type { Lab } from '../lab.js';

export interface ScriptOptions {
  readonly allowFailure?: boolean;
  readonly timeoutMs?: number;
}

export function asRoot(lab: Lab, node: string, script: string, options: ScriptOptions = {}): Promise<CommandResult> {
  return lab.onNode(node, 'sudo bash -s', { ...options, input: script });
}

/** Runs the same script on all of these nodes at once. */
export async function onEach<Answer>(nodes: readonly { readonly name: string }[], ask: (node: string) => Promise<Answer>): Promise<ReadonlyMap<string, Answer>> {
  return new Map(await Promise.all(nodes.map(async ({ name }): Promise<[string, Answer]> => [name, await ask(name)])));
}
