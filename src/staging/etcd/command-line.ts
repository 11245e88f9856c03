/** What etcdctl and etcdutl share: flags, files of the node, and how they print. */

import { resolve } from 'node:path';
import { parseFlags } from '../../domain/cluster/flags.js';
import type { CommandAnswer, CommandCall, StagingNode } from '../node/staging-node.js';

export interface CommandLine {
  readonly words: readonly string[];
  /** Flags without dashes; `write` is -w and --write-out. */
  readonly flags: Readonly<Record<string, string>>;
}

const withValue = ['endpoints', 'cacert', 'cert', 'key', 'write-out', 'w', 'command-timeout', 'dial-timeout', 'keepalive-time', 'keepalive-timeout', 'user', 'password'];

/** Flags may stand anywhere; variables of the environment count where a flag is not given. */
export function readCommandLine(call: CommandCall, prefix: string): CommandLine {
  const words: string[] = [];
  const flagged: string[] = [];
  for (let i = 0; i < call.args.length; i++) {
    const argument = call.args[i] ?? '';
    const [, name = '', value] = /^--?([a-z-]+)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name === '') words.push(argument);
    else if (value === undefined && withValue.includes(name)) flagged.push(`--${name}=${call.args[++i] ?? ''}`);
    else flagged.push(value === undefined ? `--${name}=true` : `--${name}=${value}`);
  }
  const fromEnvironment = Object.entries(call.env)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => [name.slice(prefix.length).toLowerCase().replaceAll('_', '-'), value]);
  const flags: Record<string, string> = { ...(Object.fromEntries(fromEnvironment) as Record<string, string>), ...parseFlags(flagged) };
  const write = flags.w ?? flags['write-out'] ?? 'simple';
  return { words, flags: { ...flags, write } };
}

/** Where a path of a call is on the node: scripts may name it by its place on this machine, or relative to where they are. */
export function pathOnNode(node: StagingNode, call: CommandCall, path: string): string {
  const onNode = (one: string): string => (one === node.root ? '/' : one.startsWith(`${node.root}/`) ? one.slice(node.root.length) : one);
  return onNode(resolve(onNode(call.cwd) || '/', onNode(path)));
}

/** Throws as os.ReadFile does. */
export function fileReader(node: StagingNode, call: CommandCall): (path: string) => Buffer {
  return (path) => {
    const file = node.read(pathOnNode(node, call, path));
    if (file === undefined) throw new Error(`open ${path}: no such file or directory`);
    return file.bytes;
  };
}

export function failed(why: string, exitCode: number): CommandAnswer {
  return { stdout: '', stderr: `Error: ${why}\n`, exitCode };
}

/** An id of sixteen hex digits as JSON of Go has it: a number that JavaScript has not. */
export function uint64(hex: string): string {
  return BigInt(`0x${hex}`).toString();
}

/** go-humanize Bytes. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = bytes < 10 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}

/** Rows with commas, or in a table for -w table. */
export function printed(form: string | undefined, header: readonly string[], rows: readonly (readonly string[])[]): string {
  if (form !== 'table') return rows.map((row) => `${row.join(', ')}\n`).join('');
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const bar = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+\n`;
  const lineOf = (cells: readonly string[]): string => `|${cells.map((cell, i) => ` ${cell.padStart(widths[i] ?? 0)} `).join('|')}|\n`;
  return `${bar}${lineOf(header)}${bar}${rows.map(lineOf).join('')}${bar}`;
}
