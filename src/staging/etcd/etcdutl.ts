/** etcdutl: the state of a snapshot file. */

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { CommandAnswer, CommandCall, StagingNode } from '../node/staging-node.js';
import { bytesText, failed, pathOnNode, printed, readCommandLine } from './command-line.js';

const digestBytes = 32;

/** `snapshot status FILE` with -w simple, json or table; `version`. */
export async function answerEtcdutl(node: StagingNode, call: CommandCall): Promise<CommandAnswer> {
  const { words, flags } = readCommandLine(call, 'ETCDUTL_');
  const [command = '', verb = '', file = ''] = words;
  if (command === 'version') return { stdout: 'etcdutl version: 3.6.5\nAPI version: 3.6\n', stderr: '', exitCode: 0 };
  if (command !== 'snapshot' || verb !== 'status') return failed(`unknown command "${words.join(' ')}" for "etcdutl"`, 1);
  if (file === '') return failed('snapshot status requires exactly one argument', 128);
  const found = node.read(pathOnNode(node, call, file));
  if (found === undefined) return failed(`stat ${file}: no such file or directory`, 1);
  const data = found.bytes.subarray(0, -digestBytes);
  const digest = found.bytes.subarray(-digestBytes);
  const read = parsed(data);
  if (read === undefined || !createHash('sha256').update(data).digest().equals(digest)) return failed('invalid database', 1);
  const status = { hash: crcOf(data), revision: read.revision, totalKey: read.objects.length, totalSize: data.length, version: '3.6.0' };
  if (flags.write === 'json') return { stdout: `${JSON.stringify(status)}\n`, stderr: '', exitCode: 0 };
  const row = [status.hash.toString(16), String(status.revision), String(status.totalKey), bytesText(status.totalSize), status.version];
  return { stdout: printed(flags.write, ['HASH', 'REVISION', 'TOTAL KEYS', 'TOTAL SIZE', 'VERSION'], [row]), stderr: '', exitCode: 0 };
}

function parsed(data: Buffer): { readonly revision: number; readonly objects: readonly unknown[] } | undefined {
  try {
    const read = JSON.parse(data.toString('utf8')) as { revision?: unknown; objects?: unknown };
    return typeof read.revision === 'number' && Array.isArray(read.objects) ? { revision: read.revision, objects: read.objects } : undefined;
  } catch {
    return undefined;
  }
}

function crcOf(data: Buffer): number {
  return crc32(data);
}
