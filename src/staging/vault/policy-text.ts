/** Policies in HCL or JSON, as far as paths and capabilities go (vault/policy.go). */

import { refused } from './answer.js';

export type Capability = 'create' | 'read' | 'update' | 'delete' | 'list' | 'patch' | 'sudo' | 'deny' | 'recover' | 'subscribe';

export interface PathRule {
  readonly path: string;
  readonly capabilities: readonly Capability[];
}

const known = new Set<string>(['create', 'read', 'update', 'delete', 'list', 'patch', 'sudo', 'deny', 'recover', 'subscribe']);

/** Old form of capabilities: `policy = "write"`. */
const shorthand: Readonly<Record<string, readonly Capability[]>> = {
  deny: ['deny'],
  read: ['read', 'list'],
  write: ['create', 'read', 'update', 'delete', 'list'],
  sudo: ['create', 'read', 'update', 'delete', 'list', 'sudo'],
};

/** Throws Refusal 400 with a text that begins as Vault's does. Conditions on parameters are read over: nothing here uses them. */
export function parsePolicy(text: string): PathRule[] {
  const bare = text.replace(/"(?:[^"\\]|\\.)*"|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (found) => (found.startsWith('"') ? found : ' '));
  if (bare.trim().startsWith('{')) return parseJson(bare);
  const rules: PathRule[] = [];
  const block = /\s*path\s+"((?:[^"\\]|\\.)*)"\s*\{/y;
  let at = 0;
  while (bare.slice(at).trim() !== '') {
    block.lastIndex = at;
    const head = block.exec(bare);
    if (head === null) return unreadable(`unexpected text at offset ${at}`);
    const end = endOfBlock(bare, block.lastIndex);
    rules.push(ruleOf(head[1] ?? '', bare.slice(block.lastIndex, end)));
    at = end + 1;
  }
  return rules;
}

function endOfBlock(text: string, from: number): number {
  let depth = 1;
  for (let i = from; i < text.length; i++) {
    const character = text[i];
    if (character === '"') i = text.indexOf('"', i + 1);
    if (i < 0) return unreadable('literal not terminated');
    if (character === '{') depth++;
    if (character === '}' && --depth === 0) return i;
  }
  const lines = text.split('\n');
  return unreadable(`At ${lines.length}:${(lines.at(-1) ?? '').length + 2}: object expected closing RBRACE got: EOF`);
}

function ruleOf(path: string, body: string): PathRule {
  const list = /(?:^|\n|\s|;)capabilities\s*=\s*\[([^\]]*)\]/.exec(body);
  const short = /(?:^|\n|\s|;)policy\s*=\s*"([^"]*)"/.exec(body);
  if (short !== null) return made(path, shorthand[short[1] ?? ''] ?? unreadable(`path "${path}": invalid policy "${short[1]}"`));
  return made(
    path,
    [...(list?.[1] ?? '').matchAll(/"([^"]*)"/g)].map(([, name = '']) => name),
  );
}

function parseJson(text: string): PathRule[] {
  try {
    const { path = {} } = JSON.parse(text) as { path?: Record<string, { capabilities?: string[] }> };
    return Object.entries(path).map(([name, { capabilities = [] }]) => made(name, capabilities));
  } catch (error) {
    return unreadable(error instanceof Error ? error.message : String(error));
  }
}

function made(path: string, capabilities: readonly string[]): PathRule {
  for (const name of capabilities) if (!known.has(name)) unreadable(`path "${path}": invalid capability "${name}"`);
  if (path.includes('+*')) unreadable(`path "${path}": invalid use of wildcards ('+*' is forbidden)`);
  return { path: path.replace(/^\//, ''), capabilities: capabilities as Capability[] };
}

function unreadable(why: string): never {
  throw refused(`failed to parse policy: ${why}`);
}
