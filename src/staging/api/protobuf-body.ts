/** Bodies in protobuf, as kubectl sends the few kinds that it creates with typed clients. Fields from generated.proto of k8s.io/api. */

import { ApiError } from './status.js';

type Value = Record<string, unknown>;
/** How a field is read: text, bytes (base64), number, flag, or another message; lists and maps around it. */
type Field = readonly [name: string, form: 'text' | 'bytes' | 'number' | 'flag' | Message, many?: 'list' | 'map'];
interface Message {
  readonly [number: number]: Field;
}

const objectMeta: Message = {
  1: ['name', 'text'],
  2: ['generateName', 'text'],
  3: ['namespace', 'text'],
  5: ['uid', 'text'],
  6: ['resourceVersion', 'text'],
  11: ['labels', 'text', 'map'],
  12: ['annotations', 'text', 'map'],
};
const meta: Field = ['metadata', objectMeta];
const preconditions: Message = { 1: ['uid', 'text'], 2: ['resourceVersion', 'text'] };
const deleteOptions: Message = {
  1: ['gracePeriodSeconds', 'number'],
  2: ['preconditions', preconditions],
  3: ['orphanDependents', 'flag'],
  4: ['propagationPolicy', 'text'],
  5: ['dryRun', 'text', 'list'],
};
const resourceAttributes: Message = {
  1: ['namespace', 'text'],
  2: ['verb', 'text'],
  3: ['group', 'text'],
  4: ['version', 'text'],
  5: ['resource', 'text'],
  6: ['subresource', 'text'],
  7: ['name', 'text'],
};
const nonResourceAttributes: Message = { 1: ['path', 'text'], 2: ['verb', 'text'] };
const boundRef: Message = { 1: ['kind', 'text'], 2: ['apiVersion', 'text'], 3: ['name', 'text'], 4: ['uid', 'text'] };

const messages: Readonly<Record<string, Message>> = {
  DeleteOptions: deleteOptions,
  ConfigMap: { 1: meta, 2: ['data', 'text', 'map'], 3: ['binaryData', 'bytes', 'map'], 4: ['immutable', 'flag'] },
  Secret: { 1: meta, 2: ['data', 'bytes', 'map'], 3: ['type', 'text'], 4: ['stringData', 'text', 'map'], 5: ['immutable', 'flag'] },
  ServiceAccount: { 1: meta, 4: ['automountServiceAccountToken', 'flag'] },
  Namespace: { 1: meta },
  Eviction: { 1: meta, 2: ['deleteOptions', deleteOptions] },
  SelfSubjectReview: { 1: meta },
  SelfSubjectRulesReview: { 1: meta, 2: ['spec', { 1: ['namespace', 'text'] }] },
  SelfSubjectAccessReview: { 1: meta, 2: ['spec', { 1: ['resourceAttributes', resourceAttributes], 2: ['nonResourceAttributes', nonResourceAttributes] }] },
  TokenReview: { 1: meta, 2: ['spec', { 1: ['token', 'text'], 2: ['audiences', 'text', 'list'] }] },
  TokenRequest: { 1: meta, 2: ['spec', { 1: ['audiences', 'text', 'list'], 3: ['boundObjectRef', boundRef], 4: ['expirationSeconds', 'number'] }] },
};

const magic = Buffer.from('k8s\0', 'latin1');
const unknown: Message = { 1: ['typeMeta', { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] }], 2: ['raw', 'bytes'] };

/** The same object as JSON. Throws 415 for a kind that is not known here, 400 for what cannot be read. */
export function jsonOfProtobuf(body: Buffer): string {
  if (body.length === 0) return '';
  if (!body.subarray(0, 4).equals(magic)) throw new ApiError(400, 'BadRequest', 'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  const { typeMeta, raw } = read(body.subarray(4), unknown) as { typeMeta?: { apiVersion?: string; kind?: string }; raw?: string };
  const message = messages[typeMeta?.kind ?? ''];
  if (message === undefined) {
    throw new ApiError(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml');
  }
  return JSON.stringify({ ...typeMeta, ...read(Buffer.from(raw ?? '', 'base64'), message) });
}

function read(bytes: Buffer, message: Message): Value {
  const value: Value = {};
  for (let at = 0; at < bytes.length; ) {
    const key = varint(bytes, at);
    at = key.next;
    const field = message[Number(key.value >> 3n)];
    const wire = Number(key.value & 7n);
    if (wire === 0) {
      const number = varint(bytes, at);
      at = number.next;
      if (field !== undefined) value[field[0]] = field[1] === 'flag' ? number.value !== 0n : Number(BigInt.asIntN(64, number.value));
    } else if (wire === 2) {
      const length = varint(bytes, at);
      at = length.next + Number(length.value);
      if (at > bytes.length) throw new ApiError(400, 'BadRequest', 'unexpected EOF');
      if (field !== undefined) put(value, field, bytes.subarray(length.next, at));
    } else throw new ApiError(400, 'BadRequest', `proto: illegal wireType ${wire}`);
  }
  return value;
}

function put(value: Value, [name, form, many]: Field, bytes: Buffer): void {
  if (many === 'map') {
    const entry = read(bytes, { 1: ['key', 'text'], 2: ['value', form] });
    value[name] = { ...(value[name] as Value | undefined), [String(entry.key ?? '')]: entry.value ?? '' };
    return;
  }
  const one = typeof form === 'object' ? read(bytes, form) : form === 'bytes' ? bytes.toString('base64') : bytes.toString('utf8');
  // Go writes texts that are empty: to JSON they are absent.
  if (one === '' && many === undefined) return;
  value[name] = many === 'list' ? [...((value[name] as unknown[] | undefined) ?? []), one] : one;
}

function varint(bytes: Buffer, from: number): { readonly value: bigint; readonly next: number } {
  let value = 0n;
  for (let at = from, shift = 0n; at < bytes.length && shift < 70n; at++, shift += 7n) {
    const byte = bytes[at] ?? 0;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return { value, next: at + 1 };
  }
  throw new ApiError(400, 'BadRequest', 'unexpected EOF');
}
