/** Applies patches as the API server does: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch, apply. */

import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import { ApiError, badRequest } from './status.js';

type Json = unknown;
type Map = Record<string, Json>;

export const patchTypes = ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml'];

/** A patched copy. Throws 400 for a patch that cannot be read, 415 for a type that is not known, 422 for one that does not apply. */
export function applyPatch(contentType: string, before: Map, body: string): Map {
  const patch = readPatch(contentType, body);
  switch (contentType) {
    case 'application/json-patch+json':
      if (!Array.isArray(patch)) throw badRequest('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
      return jsonPatch(before, patch as readonly Operation[]);
    case 'application/merge-patch+json':
      return mergePatch(before, mapOf(patch)) as Map;
    case 'application/strategic-merge-patch+json':
    case 'application/apply-patch+yaml':
      return strategic(before, mapOf(patch)) as Map;
    default:
      throw new ApiError(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${patchTypes.join(', ')}`, {});
  }
}

export function readPatch(contentType: string, body: string): Json {
  try {
    return contentType.endsWith('yaml') ? parse(body) : JSON.parse(body);
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
}

function mapOf(patch: Json): Map {
  if (!isMap(patch)) throw badRequest('json: cannot unmarshal array into Go value of type map[string]interface {}');
  return patch;
}

export function isMap(value: Json): value is Map {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 7386. */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isMap(patch)) return patch;
  const merged: Map = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: Json;
}

function jsonPatch(before: Map, operations: readonly Operation[]): Map {
  let whole: Json = structuredClone(before);
  for (const { op, path, from, value } of operations) {
    if (op === 'test') {
      const found = lookUp(whole, path);
      if (!isDeepStrictEqual(found ?? null, value ?? null)) throw rejected(`testing path ${path} failed`);
    } else if (op === 'add' || op === 'replace') whole = place(whole, path, structuredClone(value), op);
    else if (op === 'remove') whole = place(whole, path, undefined, op);
    else if (op === 'move' || op === 'copy') {
      const moved = structuredClone(lookUp(whole, from ?? ''));
      if (moved === undefined) throw rejected(`${op} operation for a path that does not exist`);
      if (op === 'move') whole = place(whole, from ?? '', undefined, 'remove');
      whole = place(whole, path, moved, 'add');
    } else throw rejected(`Unexpected kind: ${op}`);
  }
  return whole as Map;
}

/** evanphx/json-patch errors reach the client so. */
function rejected(_why: string): ApiError {
  return new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}

function stepsOf(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function lookUp(whole: Json, path: string): Json {
  return stepsOf(path).reduce<Json>((at, step) => (typeof at === 'object' && at !== null ? (at as Map)[step] : undefined), whole);
}

function place(whole: Json, path: string, value: Json, op: 'add' | 'replace' | 'remove'): Json {
  const steps = stepsOf(path);
  const last = steps.pop();
  if (last === undefined) return value;
  const parent = steps.reduce<Json>((at, step) => (typeof at === 'object' && at !== null ? (at as Map)[step] : undefined), whole);
  if (typeof parent !== 'object' || parent === null) throw rejected(`${op} operation does not apply: doc is missing path: "${path}"`);
  if (Array.isArray(parent)) {
    const index = last === '-' ? parent.length : Number(last);
    if (!Number.isInteger(index) || index < 0 || index > parent.length || (op !== 'add' && index === parent.length)) throw rejected(`invalid index ${last}`);
    if (op === 'add') parent.splice(index, 0, value);
    else parent.splice(index, 1, ...(op === 'replace' ? [value] : []));
    return whole;
  }
  const map = parent as Map;
  if (op !== 'add' && !(last in map)) throw rejected(`${op} operation does not apply: doc is missing key: ${path}`);
  if (op === 'remove') delete map[last];
  else map[last] = value;
  return whole;
}

/** patchMergeKey of the API types; lists that are not here are replaced. */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  secrets: ['name'],
  webhooks: ['name'],
  volumeMounts: ['mountPath'],
  ports: ['containerPort', 'port'],
  conditions: ['type'],
  addresses: ['type'],
  ownerReferences: ['uid'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey'],
};

/** Lists of plain values that are united. */
const united = new Set(['finalizers']);

/** apimachinery pkg/util/strategicpatch: maps by key, some lists by their merge key, directives. */
function strategic(target: Json, patch: Map): Json {
  if (patch.$patch === 'replace') return withoutDirectives(patch);
  const merged: Map = isMap(target) ? { ...target } : {};
  const retain = patch.$retainKeys;
  if (Array.isArray(retain)) for (const key of Object.keys(merged)) if (!retain.includes(key)) delete merged[key];
  for (const [key, value] of Object.entries(patch)) {
    const [, directive = '', list = ''] = /^\$(deleteFromPrimitiveList|setElementOrder)\/(.+)$/.exec(key) ?? [];
    if (directive === 'deleteFromPrimitiveList' && Array.isArray(merged[list]))
      merged[list] = merged[list].filter((one) => !(value as Json[]).some((gone) => isDeepStrictEqual(gone, one)));
    if (key.startsWith('$')) continue;
    if (value === null) delete merged[key];
    else if (isMap(value)) {
      if (value.$patch === 'delete') delete merged[key];
      else merged[key] = strategic(merged[key], value);
    } else if (Array.isArray(value)) merged[key] = mergeList(key, merged[key], value);
    else merged[key] = value;
  }
  return merged;
}

function mergeList(name: string, target: Json, patch: readonly Json[]): Json[] {
  if (united.has(name)) return [...new Set([...(Array.isArray(target) ? (target as Json[]) : []), ...patch])];
  const key = (mergeKeys[name] ?? []).find((one) => patch.some((item) => isMap(item) && one in item));
  if (patch.some((item) => isMap(item) && item.$patch === 'replace')) return patch.filter((item) => !(isMap(item) && item.$patch === 'replace')).map(withoutDirectives);
  if (key === undefined) return patch.map(withoutDirectives);
  const merged = Array.isArray(target) ? [...(target as Json[])] : [];
  for (const item of patch) {
    if (!isMap(item)) continue;
    const at = merged.findIndex((one) => isMap(one) && isDeepStrictEqual(one[key], item[key]));
    if (item.$patch === 'delete') {
      if (at >= 0) merged.splice(at, 1);
    } else if (at >= 0) merged[at] = strategic(merged[at], item);
    else merged.push(strategic({}, item));
  }
  return merged;
}

function withoutDirectives(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutDirectives);
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !key.startsWith('$'))
      .map(([key, inner]) => [key, withoutDirectives(inner)]),
  );
}
