/** Small edits of YAML text that leave every other byte as it is. Each takes the text and gives the new text; positions are valid for one edit. */

import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, parse, type Scalar, stringify, type YAMLMap, type YAMLSeq } from 'yaml';
import { deepestNesting, tooDeepAt } from '../source/nesting.js';

export type { Node, Pair, Scalar, YAMLMap, YAMLSeq };
export { isMap, isScalar, isSeq };

export interface OpenYaml {
  readonly text: string;
  readonly doc: Document.Parsed;
  /** `line:column` of an offset, both from 1. */
  position(offset: number): string;
  /** The first syntax error, with its `line:column`. */
  readonly broken: { readonly at: string; readonly cause: string } | undefined;
}

/** Parses for editing. Never throws: see `broken`. */
export function openYaml(text: string): OpenYaml {
  const deep = tooDeepAt(text);
  const lineCounter = new LineCounter();
  const doc = parseDocument(deep === undefined ? text : '', { lineCounter, logLevel: 'error' });
  if (deep !== undefined) {
    const before = text.slice(0, deep).split('\n');
    const at = `${before.length}:${(before.at(-1) ?? '').length + 1}`;
    return { text, doc, position: () => at, broken: { at, cause: `more than ${deepestNesting} levels stand within each other` } };
  }
  const position = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `${line}:${col}`;
  };
  const error = doc.errors[0];
  // The library adds the lines around to its message, which may hold keys.
  const broken = error === undefined ? undefined : { at: position(error.pos[0]), cause: error.code.toLowerCase().replaceAll('_', ' ') };
  return { text, doc, position, broken };
}

/** The pair of a key in a map. */
export function pairOf(map: YAMLMap, key: string): Pair<Scalar, Node | null> | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key) as Pair<Scalar, Node | null> | undefined;
}

/** Start and end of a node in the text, without comments and line ends after it. */
export function rangeOf(node: Node): readonly [start: number, end: number] {
  const range = node.range;
  if (range === undefined || range === null) throw new RangeError('a node without a place in the text');
  return [range[0], range[1]];
}

/** Replaces a scalar, in its own style of quoting where that can hold the value. */
export function replaceScalar({ text }: OpenYaml, node: Scalar, value: string): string {
  const [start, end] = rangeOf(node);
  const wasBlock = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
  const ending = wasBlock && text[end - 1] === '\n' ? '\n' : '';
  return text.slice(0, start) + rendered(value, node.type) + ending + text.slice(end);
}

/** Adds a pair at the beginning of a map that is not empty, or in an empty flow map. `lines` below the key make a nested value. */
export function insertPair(open: OpenYaml, map: YAMLMap, key: string, value: string | { readonly lines: readonly string[] }): string {
  const { text } = open;
  const first = map.items[0];
  if (map.flow === true) {
    if (typeof value !== 'string') throw new RangeError('a nested value in a flow map');
    const at = rangeOf(map)[0] + 1;
    return `${text.slice(0, at)}${JSON.stringify(key)}: ${JSON.stringify(value)}${first === undefined ? '' : ', '}${text.slice(at)}`;
  }
  if (first === undefined) throw new RangeError('an empty block map');
  const at = rangeOf(first.key as Scalar)[0];
  const indent = ' '.repeat(columnOf(text, at));
  const eol = lineEndOf(text);
  const own = typeof value === 'string' ? `${rendered(key)}: ${rendered(value)}` : [`${rendered(key)}:`, ...value.lines.map((line) => indent + line)].join(eol);
  return `${text.slice(0, at)}${own}${eol}${indent}${text.slice(at)}`;
}

/** Takes a pair out of a map that has others too, or out of a flow map. */
export function removePair({ text }: OpenYaml, map: YAMLMap, key: string): string {
  const index = map.items.findIndex((pair) => isScalar(pair.key) && pair.key.value === key);
  const pair = map.items[index];
  if (pair === undefined) return text;
  const start = rangeOf(pair.key as Scalar)[0];
  const next = map.items[index + 1];
  if (map.flow === true) return cutFromFlow(text, start, endOf(pair as Pair<Scalar, Node | null>), next === undefined ? undefined : rangeOf(next.key as Scalar)[0]);
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  if (text.slice(lineStart, start).trim() === '') return cutLines(text, lineStart, endOf(pair as Pair<Scalar, Node | null>));
  // The first pair of a list item: what follows takes its place after the dash.
  if (next === undefined) throw new RangeError('the only pair of a list item');
  return text.slice(0, start) + text.slice(rangeOf(next.key as Scalar)[0]);
}

/** Adds an item on a line of its own after one that is there, with the same indentation. */
export function insertItemAfter({ text }: OpenYaml, item: Node, value: string, flow: boolean): string {
  const [start, end] = rangeOf(item);
  if (flow) return `${text.slice(0, end)}, ${JSON.stringify(value)}${text.slice(end)}`;
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  // Another dash or a key may stand before the dash of a first item: only its column matters.
  const dash = text.lastIndexOf('-', start - 1);
  const prefix = `${' '.repeat(dash - lineStart)}${text.slice(dash, start)}`;
  const at = lineContentEnd(text, end);
  return `${text.slice(0, at)}${lineEndOf(text)}${prefix}${rendered(value)}${text.slice(at)}`;
}

/** Takes an item out of a list that has others too. */
export function removeItem({ text }: OpenYaml, list: YAMLSeq, index: number): string {
  const item = list.items[index] as Node | undefined;
  if (item === undefined) return text;
  const [start, end] = rangeOf(item);
  if (list.flow === true) {
    const next = list.items[index + 1] as Node | undefined;
    return cutFromFlow(text, start, end, next === undefined ? undefined : rangeOf(next)[0]);
  }
  return cutLines(text, text.lastIndexOf('\n', start - 1) + 1, end);
}

/** Offset of the dash of a list item. */
export function dashOf({ text }: OpenYaml, item: Node): number {
  return text.lastIndexOf('-', rangeOf(item)[0] - 1);
}

/** Column of an offset, from 0. */
export function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1);
}

/** A scalar as YAML text, quoted only where it must be. */
export function rendered(value: string, type?: string): string {
  if (type === 'QUOTE_DOUBLE') return JSON.stringify(value);
  if (type === 'QUOTE_SINGLE' && /^[\x20-\x7e]*$/.test(value)) return `'${value.replaceAll("'", "''")}'`;
  if (/[^\x20-\x7e]/.test(value)) return JSON.stringify(value);
  const plain = stringify(value, { lineWidth: 0 }).trimEnd();
  return plain.includes('\n') || parse(plain) !== value ? JSON.stringify(value) : plain;
}

/** The line end that the text uses. */
export function lineEndOf(text: string): '\n' | '\r\n' {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

function endOf(pair: Pair<Scalar, Node | null>): number {
  return rangeOf(pair.value ?? pair.key)[1];
}

/** From the line end before the first line to that of the last, so that a text without a newline at its end keeps that too. */
function cutLines(text: string, lineStart: number, end: number): string {
  const lineEnd = lineContentEnd(text, withoutLineEnd(text, end));
  if (lineStart === 0) return text.slice(text[lineEnd] === '\r' ? lineEnd + 2 : lineEnd + 1);
  const before = lineContentEnd(text, lineStart - 1);
  return text.slice(0, before) + text.slice(lineEnd);
}

function cutFromFlow(text: string, start: number, end: number, next: number | undefined): string {
  if (next !== undefined) return text.slice(0, start) + text.slice(next);
  const before = text.slice(0, start).replace(/,\s*$/, '');
  return before + text.slice(end);
}

function lineContentEnd(text: string, from: number): number {
  const newline = text.indexOf('\n', from);
  if (newline < 0) return text.length;
  return text[newline - 1] === '\r' ? newline - 1 : newline;
}

/** The range of a nested or block value includes line ends, or a part of one. */
export function withoutLineEnd(text: string, end: number): number {
  let before = end;
  while (text[before - 1] === '\n' || text[before - 1] === '\r') before--;
  return before;
}
