/** A YAML file with positions: every complaint about it names file:line:column and shows the line with a caret. */

import { isAlias, isMap, isSeq, LineCounter, type Node, parseDocument, type Scalar, type ScalarTag } from 'yaml';
import type { z } from 'zod';
import { type ErrorCode, type Failure, failure, RotationError } from '../errors.js';
import { didYouMean } from './nearest.js';
import { deepestNesting, tooDeepAt } from './nesting.js';

/** Nothing that a person writes by hand is longer. */
const longestFile = 1_000_000;

export type Path = readonly PropertyKey[];

export interface Complaint {
  readonly summary: string;
  readonly cause?: string;
  readonly nextAction: string;
  /** Point at the key itself, not at its value. */
  readonly atKey?: boolean;
}

export interface YamlSource {
  /** Plain data. */
  readonly value: unknown;
  /** A failure at the value of this path, or at the nearest thing around it that exists. */
  complain(path: Path, complaint: Complaint): Failure;
  /** The issues of a schema, each at its place. */
  issues(error: z.ZodError, options?: { readonly under?: Path; readonly schema?: z.ZodType }): Failure[];
}

/** Parses a file. Errors and warnings of YAML itself are thrown as one RotationError of `code`; nothing else is ever thrown. */
export function readYaml(text: string, file: string, options: { readonly code: ErrorCode; readonly tags?: ScalarTag[]; readonly merge?: boolean }): YamlSource {
  const { code } = options;
  if (text.length > longestFile) {
    throw new RotationError(failure(code, { target: file, summary: 'the file is too long', cause: `${text.length} characters`, nextAction: 'Give the file that is meant.' }));
  }
  const deep = tooDeepAt(text);
  if (deep !== undefined) {
    const before = text.slice(0, deep).split('\n');
    const target = `${file}:${before.length}:${(before.at(-1) ?? '').length + 1}`;
    throw new RotationError(
      failure(code, {
        target,
        summary: 'the file is nested too deep',
        cause: `more than ${deepestNesting} levels stand within each other`,
        nextAction: 'Give the file that is meant.',
      }),
    );
  }
  const counter = new LineCounter();
  const lines = text.split(/\r?\n/);

  const locate = (offset: number, complaint: Complaint, length = 1): Failure => {
    const { line, col } = counter.linePos(Math.min(offset, text.length));
    const shown = (lines[line - 1] ?? '').replaceAll('\t', ' ');
    const from = Math.max(0, col - 100);
    const number = String(line);
    const caret = '^'.repeat(Math.max(1, Math.min(length, shown.length - col + 1, 100)));
    const excerpt = `\n  ${number} | ${shown.slice(from, from + 160)}\n  ${' '.repeat(number.length)} | ${' '.repeat(Math.max(0, col - 1 - from))}${caret}\n`;
    return failure(code, { target: `${file}:${line}:${col}`, summary: complaint.summary, cause: `${complaint.cause ?? ''}${excerpt}`, nextAction: complaint.nextAction });
  };

  try {
    const document = parseDocument(text, { lineCounter: counter, logLevel: 'error', prettyErrors: false, customTags: options.tags ?? [], merge: options.merge ?? false });
    const broken = [...document.errors, ...document.warnings];
    if (broken.length > 0) {
      throw new RotationError(
        broken
          .slice(0, 20)
          .map((error) =>
            locate(error.pos[0], { summary: 'this is not the YAML that is meant', cause: firstLine(error.message), nextAction: 'Correct the line.' }, error.pos[1] - error.pos[0]),
          ),
      );
    }
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    // An alias inside its own anchor makes data without an end.
    JSON.stringify(value);
    const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);

    const complain = (path: Path, complaint: Complaint): Failure => {
      let node: unknown = document.contents;
      let place: Node | undefined = document.contents ?? undefined;
      for (const [depth, part] of path.entries()) {
        const holder = resolve(node);
        if (isMap(holder)) {
          const pair = holder.items.find(({ key }) => String((key as Scalar | null)?.value ?? key) === String(part));
          if (pair === undefined) break;
          const last = depth === path.length - 1;
          if (last && complaint.atKey === true) place = pair.key as Node;
          else place = (isNothing(pair.value) ? pair.key : pair.value) as Node;
          node = pair.value;
        } else if (isSeq(holder)) {
          const item = holder.items[Number(part)];
          if (item === undefined) break;
          place = item as Node;
          node = item;
        } else break;
      }
      const [start, end] = place?.range ?? [0, 1];
      return locate(start, complaint, text.slice(start, end).split('\n')[0]?.length ?? 1);
    };

    return {
      value,
      complain,
      issues: (error, { under = [], schema } = {}) =>
        error.issues.flatMap((issue) => complaintsOf(issue, schema).map(({ path, ...complaint }) => complain([...under, ...path], complaint))),
    };
  } catch (error) {
    if (error instanceof RotationError) throw error;
    const cause = error instanceof Error ? firstLine(error.message) : '';
    throw new RotationError(
      failure(code, { target: `${file}:1:1`, summary: 'the file cannot be read as YAML', cause, nextAction: 'Write out what its aliases repeat, and nest it less deeply.' }),
      { cause: error },
    );
  }
}

function complaintsOf(issue: z.core.$ZodIssue, schema: z.ZodType | undefined): (Complaint & { path: Path })[] {
  const { path } = issue;
  const name = path.length === 0 ? 'the file' : `"${path.map(String).join('.')}"`;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const known = keysAt(schema, path);
        const list = known.length === 0 ? 'There are no keys here.' : `Keys here: ${known.join(', ')}.`;
        return { path: [...path, key], atKey: true, summary: `unknown key "${key}"`, nextAction: `${didYouMean(key, known)}${list}` };
      });
    case 'invalid_type':
      if (issue.input === undefined && issue.message.includes('undefined')) {
        return [{ path, summary: `${name} is missing`, nextAction: `Add it: it is a ${issue.expected}.` }];
      }
      return [
        {
          path,
          summary: `${name} has a wrong value`,
          cause: tidy(issue.message),
          nextAction: issue.message.includes('write') ? 'Correct the value.' : `Give a ${issue.expected}.`,
        },
      ];
    case 'invalid_value':
      return [
        {
          path,
          summary: `${name} has a wrong value`,
          cause: tidy(issue.message),
          nextAction: `${didYouMean(String(issue.input), issue.values.map(String))}Possible: ${issue.values.map((value) => JSON.stringify(value)).join(', ')}.`,
        },
      ];
    default:
      return [{ path, summary: `${name} has a wrong value`, cause: tidy(issue.message), nextAction: 'Correct the value.' }];
  }
}

/** The keys that a schema knows at a path, through optionals, defaults, arrays and records. */
function keysAt(schema: z.ZodType | undefined, path: Path): string[] {
  let here: unknown = schema;
  for (const part of [...path, undefined]) {
    here = bare(here);
    const shape = shapeOf(here);
    if (part === undefined) return shape === undefined ? [] : Object.keys(shape);
    const def = (here as { def?: { element?: unknown; valueType?: unknown } } | undefined)?.def;
    here = shape?.[String(part)] ?? def?.element ?? def?.valueType;
  }
  return [];
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  return (schema as { shape?: Record<string, unknown> } | undefined)?.shape;
}

function bare(schema: unknown): unknown {
  let here = schema as { def?: { innerType?: unknown } } | undefined;
  while (here?.def?.innerType !== undefined) here = here.def.innerType as typeof here;
  return here;
}

function tidy(message: string): string {
  return firstLine(message).replace(/^Invalid (input|option): /, '');
}

/** `key:` with nothing after it. */
function isNothing(value: unknown): boolean {
  const range = (value as Node | null)?.range;
  return range === undefined || range === null || range[0] === range[1];
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? '';
}
