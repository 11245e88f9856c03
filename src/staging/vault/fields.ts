/** The fields of a request, read by the types that a path declares (sdk/framework/field_data.go). */

import { refused } from './answer.js';
import { secondsOf } from './go-format.js';

export type FieldKind = 'string' | 'bool' | 'int' | 'duration' | 'list' | 'map';

export interface Fields {
  text(name: string): string;
  flag(name: string, fallback?: boolean): boolean;
  number(name: string, fallback?: number): number;
  /** Whole seconds. */
  seconds(name: string, fallback?: number): number;
  list(name: string, fallback?: readonly string[]): string[];
  has(name: string): boolean;
  /** What was sent and is not declared, sorted: Vault warns of it. */
  readonly ignored: readonly string[];
}

/** Throws Refusal 400 when a value is not of its kind, as Vault does before it calls the handler. */
export function readFields(data: Readonly<Record<string, unknown>>, schema: Readonly<Record<string, FieldKind>>): Fields {
  for (const [name, kind] of Object.entries(schema)) {
    const value = data[name];
    if (value !== undefined && value !== null) check(name, kind, value);
  }
  const given = (name: string): unknown => data[name] ?? undefined;
  return {
    text: (name) => textOf(given(name)),
    flag: (name, fallback = false) => (given(name) === undefined ? fallback : booleanOf(given(name)) === true),
    number: (name, fallback = 0) => (given(name) === undefined ? fallback : Number(given(name))),
    seconds: (name, fallback = 0) => (given(name) === undefined ? fallback : secondsOf(given(name))),
    list: (name, fallback = []) => (given(name) === undefined ? [...fallback] : listOf(given(name))),
    has: (name) => given(name) !== undefined,
    ignored: Object.keys(data)
      .filter((name) => !(name in schema))
      .sort(),
  };
}

/** `Endpoint ignored these unrecognized parameters: [a b]`, if there are any. */
export function ignoredWarning(fields: Fields): string[] {
  return fields.ignored.length === 0 ? [] : [`Endpoint ignored these unrecognized parameters: [${fields.ignored.join(' ')}]`];
}

function check(name: string, kind: FieldKind, value: unknown): void {
  const invalid = (why: string): never => {
    throw refused(`Field validation failed: error converting input for field "${name}": ${why}`);
  };
  if (kind === 'duration') {
    try {
      secondsOf(value);
    } catch (error) {
      invalid(error instanceof Error ? error.message : String(error));
    }
  } else if (kind === 'int' && !Number.isInteger(Number(value))) {
    invalid(`cannot parse '' as int: strconv.ParseInt: parsing "${String(value)}": invalid syntax`);
  } else if (kind === 'bool' && booleanOf(value) === undefined) {
    invalid(`cannot parse '' as bool: strconv.ParseBool: parsing "${String(value)}": invalid syntax`);
  } else if (kind === 'string' && typeof value === 'object') {
    invalid(`'' expected type 'string', got unconvertible type '${Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'}', value: '${String(value)}'`);
  }
}

function textOf(value: unknown): string {
  return value === undefined ? '' : String(value as string);
}

function booleanOf(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  if (value === '' || /^(0|f|F|FALSE|false|False)$/.test(String(value))) return false;
  return /^(1|t|T|TRUE|true|True)$/.test(String(value)) ? true : undefined;
}

function listOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map((one) => String(one as string));
  const text = String(value as string);
  return text === '' ? [] : text.split(',').map((one) => one.trim());
}
