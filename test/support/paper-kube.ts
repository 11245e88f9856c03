/** A Kubernetes API on paper: objects with resourceVersions, conflicts, merge and JSON patches. */

import { isDeepStrictEqual } from 'node:util';
import { fail } from '../../src/domain/errors.js';
import type { Kube, KubeAccess, KubeObject, ObjectRef, PatchOperation } from '../../src/ports/kube.js';

export interface PaperKube {
  readonly kube: Kube;
  readonly access: KubeAccess;
  put(object: KubeObject): void;
  read(kind: string, name: string, namespace?: string): KubeObject | undefined;
  /** All objects without their resourceVersions. */
  snapshot(): Record<string, string>;
  /** Called after each write with the object. */
  onWrite(listener: (object: KubeObject) => void): void;
  /** Called before the next replace or JSON patch is judged: another writer comes first. */
  beforeReplace(listener: (ref: string) => void): void;
  /** Called before each read of one object. */
  beforeRead(listener: (kind: string) => void): void;
  onApprove(sign: (request: string) => Promise<string>): void;
  onGet(answer: (path: string) => { status: number; body: string }): void;
}

const keyOf = (kind: string, namespace: string | undefined, name: string): string => `${kind} ${namespace ?? ''}/${name}`;

export function createPaperKube(original?: ReturnType<KubeAccess['original']>): PaperKube {
  const objects = new Map<string, KubeObject>();
  const written: ((object: KubeObject) => void)[] = [];
  const beforeReplace: ((ref: string) => void)[] = [];
  const beforeRead: ((kind: string) => void)[] = [];
  let sign: (request: string) => Promise<string> = () => Promise.resolve('');
  let get = (_path: string): { status: number; body: string } => ({ status: 200, body: 'ok' });
  let version = 0;

  function store(object: KubeObject): KubeObject {
    version++;
    const stored = structuredClone({ ...object, metadata: { ...object.metadata, uid: object.metadata.uid ?? `uid-${version}`, resourceVersion: String(version) } });
    objects.set(keyOf(object.kind, object.metadata.namespace, object.metadata.name), stored);
    for (const listener of written) listener(stored);
    return structuredClone(stored);
  }
  const at = (ref: ObjectRef): string => keyOf(ref.kind, ref.namespace, ref.name);

  const kube: Kube = {
    server: 'https://api.paper:6443',
    async read(ref) {
      for (const listener of beforeRead) listener(ref.kind);
      return structuredClone(objects.get(at(ref)));
    },
    async list({ kind, namespace, fieldSelector }) {
      const [field = '', wanted = ''] = (fieldSelector ?? '').split('=');
      const fieldOf = (o: KubeObject): unknown => field.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], o);
      const fits = (o: KubeObject): boolean => field === '' || String(fieldOf(o)) === wanted;
      return [...objects.values()].filter((o) => o.kind === kind && (namespace === undefined || o.metadata.namespace === namespace) && fits(o)).map((o) => structuredClone(o));
    },
    create: async (object) => store(object),
    async replace(object) {
      const key = keyOf(object.kind, object.metadata.namespace, object.metadata.name);
      for (const listener of beforeReplace.splice(0)) listener(key);
      const now = objects.get(key);
      if (now === undefined || now.metadata.resourceVersion !== object.metadata.resourceVersion) {
        return fail('api-refused', { target: key, summary: 'it was changed in between', nextAction: 'Try again.', retryable: true });
      }
      return store(object);
    },
    async patch(ref, patch) {
      const now = objects.get(at(ref)) ?? fail('api-refused', { target: at(ref), summary: 'not found', nextAction: 'Look.' });
      return store(merged(now, patch) as KubeObject);
    },
    async jsonPatch(ref, operations) {
      for (const listener of beforeReplace.splice(0)) listener(at(ref));
      const now = objects.get(at(ref));
      if (now === undefined) return 'gone';
      const patched = applied(now, operations);
      return patched === undefined ? 'outdated' : store(patched as KubeObject);
    },
    async remove(ref) {
      objects.delete(at(ref));
    },
    async approve(name) {
      const csr = objects.get(keyOf('CertificateSigningRequest', undefined, name));
      if (csr === undefined) return;
      const request = Buffer.from((csr.spec as { request: string }).request, 'base64').toString('utf8');
      store({ ...csr, status: { certificate: Buffer.from(await sign(request)).toString('base64') } });
    },
    evict: async () => 'evicted',
    get: async (path) => get(path),
    call: async (_method, path) => get(path),
    at: () => kube,
  };

  return {
    kube,
    access: { kube: () => kube, trustAlso: () => undefined, present: () => undefined, trustOnly: () => undefined, original: () => original, close: () => undefined },
    put: (object) => void store(object),
    read: (kind, name, namespace) => objects.get(keyOf(kind, namespace, name)),
    snapshot() {
      const plain = [...objects].map(([key, o]) => [key, JSON.stringify({ ...o, metadata: { ...o.metadata, resourceVersion: '' } })] as const);
      return Object.fromEntries(plain.filter(([key]) => !key.startsWith('Lease ') && !key.startsWith('Node ')).sort());
    },
    onWrite: (listener) => void written.push(listener),
    beforeReplace: (listener) => void beforeReplace.push(listener),
    beforeRead: (listener) => void beforeRead.push(listener),
    onApprove(listener) {
      sign = listener;
    },
    onGet(answer) {
      get = answer;
    },
  };
}

/** RFC 7386. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(typeof target === 'object' && target !== null ? (target as Record<string, unknown>) : {}) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

/** RFC 6902 on maps. undefined: it does not apply. */
function applied(target: unknown, operations: readonly PatchOperation[]): unknown {
  const whole = structuredClone(target);
  for (const operation of operations) {
    const steps = operation.path.split('/').slice(1);
    const last = (steps.pop() ?? '').replaceAll('~1', '/').replaceAll('~0', '~');
    const parent = steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], whole) as Record<string, unknown> | undefined;
    if (parent === undefined || (operation.op !== 'add' && !(last in parent))) return undefined;
    if (operation.op === 'test') {
      if (!isDeepStrictEqual(parent[last], operation.value)) return undefined;
    } else if (operation.op === 'remove') delete parent[last];
    else parent[last] = structuredClone(operation.value);
  }
  return whole;
}
