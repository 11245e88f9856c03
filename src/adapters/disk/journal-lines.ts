/** Lines of a journal: {v, seq, at, prev, fact, sum}. `prev` chains a line to the one before it, `sum` covers the line itself, the last one included. */

import { createHash } from 'node:crypto';
import { fail } from '../../domain/errors.js';
import type { Fact } from '../../domain/run/facts.js';
import type { JournalLine } from '../../ports/journal.js';

/** Version of the format; raised when a reader of the one before could misread a line. */
export const journalVersion = 1;

/** What the first line names as its predecessor. */
export const noPredecessor = '0'.repeat(64);

const newline = 0x0a;
const sumField = ',"sum":"';
/** Bytes of `,"sum":"<64 hex>"}` at the end of each line. */
const sumLength = sumField.length + 64 + 2;

export interface ParsedJournal {
  readonly lines: readonly JournalLine[];
  /** SHA-256 of the last whole line's bytes (without its newline), lower-case hex: `prev` of the next. */
  readonly last: string;
  /** Bytes up to the end of the last whole line. */
  readonly validBytes: number;
}

/** SHA-256, lower-case hex. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** One line, newline included. */
export function encodeLine(line: JournalLine, prev: string): Buffer {
  const body = JSON.stringify({ v: journalVersion, seq: line.seq, at: line.at, prev, fact: line.fact }).slice(0, -1);
  return Buffer.from(`${body}${sumField}${sha256(body)}"}\n`, 'utf8');
}

/**
 * Reads a journal's bytes. A last line without newline, or which is no JSON, is torn: it is left out, and `validBytes` ends before it.
 * Throws RotationError journal-broken for anything else that is wrong, with file:line:column.
 */
export function parseJournal(bytes: Buffer, file: string): ParsedJournal {
  const lines: JournalLine[] = [];
  let last = noPredecessor;
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf(newline, start);
    if (end < 0) break;
    const raw = bytes.subarray(start, end);
    const value = parseJson(raw);
    if (value === undefined && end === bytes.length - 1) break;
    lines.push(checkLine(raw, value, { file, number: lines.length + 1, prev: last }));
    last = sha256(raw);
    start = end + 1;
  }
  return { lines, last, validBytes: start };
}

function parseJson(raw: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(raw.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

interface Place {
  readonly file: string;
  /** Counted from 1, and the `seq` that must stand there. */
  readonly number: number;
  readonly prev: string;
}

function checkLine(raw: Buffer, value: Record<string, unknown> | undefined, at: Place): JournalLine {
  const broken = (field: string, cause: string): never => refuse(raw, field, cause, at);
  if (value === undefined) return broken('', 'the line is no JSON object');
  if (value.v !== journalVersion) {
    if (typeof value.v === 'number' && value.v > journalVersion)
      return broken('v', `it has version ${value.v}; this rotate-ca reads version ${journalVersion}. It was written by a newer one`);
    return broken('v', `its version is ${JSON.stringify(value.v)}, not ${journalVersion}`);
  }
  if (value.seq !== at.number) return broken('seq', `its sequence number is ${JSON.stringify(value.seq)}; ${at.number} must stand here`);
  if (value.prev !== at.prev) return broken('prev', 'it does not follow from the line before it (hash chain)');
  const body = raw.subarray(0, -sumLength);
  if (raw.subarray(-sumLength).toString('latin1') !== `${sumField}${sha256(body)}"}`) return broken('sum', 'its checksum does not match: it was changed after it was written');
  const { at: time, fact } = value;
  if (typeof time !== 'string' || Number.isNaN(Date.parse(time))) return broken('at', 'its time is no ISO 8601 time');
  if (!isFact(fact)) return broken('fact', 'it holds no fact');
  return { seq: at.number, at: time, fact };
}

// The checksum has held: what stands here was written by this code. Facts of later minor versions are passed on as they are.
function isFact(value: unknown): value is Fact {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function refuse(raw: Buffer, field: string, cause: string, at: Place): never {
  const found = field === '' ? -1 : raw.indexOf(`"${field}"`);
  const column = found < 0 ? 1 : found + 1;
  return fail('journal-broken', {
    target: `${at.file}:${at.number}:${column}`,
    summary: `Line ${at.number} of the journal cannot be trusted`,
    cause,
    nextAction: `Change nothing in it. Restore "${at.file}" from a backup and run "rotate-ca resume"; without one, run "rotate-ca verify" to see what holds in the cluster, then plan anew`,
  });
}
