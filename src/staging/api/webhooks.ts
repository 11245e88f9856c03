/** Admission webhooks: one HTTPS call for each configured webhook that matches a write. apiserver pkg/admission/plugin/webhook. */

import https from 'node:https';
import { randomUUID } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { kubernetesBundle, presentedChain } from './cert-files.js';
import { isReady } from '../controllers/workload-objects.js';
import { dialError } from './dial-error.js';
import { applyPatch } from './patches.js';
import { patience } from './patience.js';
import type { Resource } from './resource-table.js';
import { objectSelector } from './selectors.js';
import type { Asked } from './served-api.js';
import { ApiError, internalError } from './status.js';
import type { NewObject, StoredObject } from './store.js';
import { certPool, verifyChain, verifyHost } from './verify-client.js';

interface Hook {
  readonly name: string;
  readonly failurePolicy?: string;
  readonly timeoutSeconds?: number;
  readonly namespaceSelector?: unknown;
  readonly objectSelector?: unknown;
  readonly clientConfig: {
    readonly url?: string;
    readonly caBundle?: string;
    readonly service?: { readonly namespace: string; readonly name: string; readonly path?: string; readonly port?: number };
  };
  readonly rules?: readonly {
    readonly operations: readonly string[];
    readonly apiGroups: readonly string[];
    readonly apiVersions: readonly string[];
    readonly resources: readonly string[];
  }[];
}

const leastWallMs = 2_000;

type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

/** The object as the webhooks leave it. Throws what refuses it. */
export async function admit(asked: Asked, resource: Resource, operation: Operation, object: NewObject, before: StoredObject | undefined): Promise<NewObject>;
export async function admit(asked: Asked, resource: Resource, operation: Operation, object: undefined, before: StoredObject): Promise<undefined>;
export async function admit(
  asked: Asked,
  resource: Resource,
  operation: Operation,
  object: NewObject | undefined,
  before: StoredObject | undefined,
): Promise<NewObject | undefined> {
  // Configurations of webhooks are exempt, so that a broken one can be taken away.
  if (resource.group === 'admissionregistration.k8s.io') return object;
  let current = object;
  for (const kind of ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']) {
    const configurations = asked.api.store.list({ apiVersion: 'admissionregistration.k8s.io/v1', kind });
    for (const hook of configurations.flatMap((one) => (one.webhooks ?? []) as readonly Hook[])) {
      if (!concerns(hook, asked, resource, operation, current ?? before)) continue;
      const answer = await ask(hook, asked, resource, operation, current, before);
      if (answer === undefined) continue;
      if (answer.allowed !== true) throw denied(hook, answer.status);
      if (kind.startsWith('Mutating') && answer.patch !== undefined && current !== undefined) {
        const patch = Buffer.from(answer.patch, 'base64').toString('utf8');
        current = applyPatch('application/json-patch+json', current as unknown as Record<string, unknown>, patch) as unknown as NewObject;
      }
    }
  }
  return current;
}

function concerns(hook: Hook, asked: Asked, resource: Resource, operation: Operation, object: NewObject | StoredObject | undefined): boolean {
  const has = (list: readonly string[], value: string): boolean => list.includes('*') || list.includes(value);
  const { namespace } = asked.info;
  const sub = asked.info.subresource;
  const named = sub === '' ? resource.plural : `${resource.plural}/${sub}`;
  const rules = (hook.rules ?? []).some(
    (rule) =>
      has(rule.operations, operation) &&
      has(rule.apiGroups, resource.group) &&
      has(rule.apiVersions, resource.version) &&
      rule.resources.some((one) => one === named || one === '*/*' || (sub === '' ? one === '*' : one === `*/${sub}`)),
  );
  if (!rules) return false;
  const labelsOfNamespace =
    resource.kind === 'Namespace' ? object?.metadata.labels : asked.api.store.get({ apiVersion: 'v1', kind: 'Namespace', name: namespace })?.metadata.labels;
  const inNamespace = (!resource.namespaced && resource.kind !== 'Namespace') || objectSelector(hook.namespaceSelector ?? {}, labelsOfNamespace ?? {});
  return inNamespace && objectSelector(hook.objectSelector ?? {}, (object?.metadata.labels as Record<string, string> | undefined) ?? {});
}

interface Answer {
  readonly allowed?: boolean;
  readonly patch?: string;
  readonly status?: { readonly code?: number; readonly message?: string; readonly reason?: string };
}

/** undefined: it failed and its policy is to go on. */
async function ask(
  hook: Hook,
  asked: Asked,
  resource: Resource,
  operation: Operation,
  object: NewObject | undefined,
  before: StoredObject | undefined,
): Promise<Answer | undefined> {
  const { group, version, kind, plural } = resource;
  const seconds = hook.timeoutSeconds ?? 10;
  const url = urlOf(hook, seconds);
  const review = {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: randomUUID(),
      kind: { group, version, kind },
      resource: { group, version, resource: plural },
      name: object?.metadata.name ?? before?.metadata.name ?? '',
      ...(resource.namespaced ? { namespace: asked.info.namespace } : {}),
      operation,
      userInfo: { username: asked.user.name, groups: asked.user.groups },
      object: object ?? null,
      oldObject: before ?? null,
      dryRun: asked.info.query.get('dryRun') === 'All',
      options: null,
    },
  };
  try {
    refuseWithoutBackend(hook, asked);
    const body = await post(hook, asked, url, JSON.stringify(review), patience(asked.api.context.clock, seconds * 1000, leastWallMs) / asked.api.context.clock.speed);
    const { response } = JSON.parse(body) as { response?: Answer };
    if (response === undefined) throw new Error('webhook response was absent');
    return response;
  } catch (error) {
    if (hook.failurePolicy === 'Ignore') return undefined;
    const why = error instanceof Error ? error.message : String(error);
    throw internalError(`failed calling webhook "${hook.name}": failed to call webhook: ${why}`);
  }
}

/** k/k pkg/... webhook client: a service that is not there, or that has nobody behind it, is not dialled (util/proxy ResolveCluster, ResolveEndpoint). */
function refuseWithoutBackend(hook: Hook, asked: Asked): void {
  const { service } = hook.clientConfig;
  if (service === undefined) return;
  const { namespace, name, port = 443 } = service;
  const { store } = asked.api;
  const object = store.get({ apiVersion: 'v1', kind: 'Service', namespace, name });
  const why = object === undefined ? `service "${name}" not found` : `no endpoints available for service "${name}"`;
  const selector = ((object?.spec ?? {}) as { readonly selector?: Readonly<Record<string, string>> }).selector ?? {};
  const isServed = store
    .list({ apiVersion: 'v1', kind: 'Pod', namespace })
    .some((pod) => isReady(pod) && Object.entries(selector).every(([key, value]) => pod.metadata.labels?.[key] === value));
  if (object === undefined || !isServed) throw new Error(`Post "https://${name}.${namespace}.svc:${port}${service.path ?? '/'}?timeout=${hook.timeoutSeconds ?? 10}s": ${why}`);
}

function urlOf(hook: Hook, seconds: number): URL {
  const { url, service } = hook.clientConfig;
  const made = new URL(url ?? `https://${service?.name ?? ''}.${service?.namespace ?? ''}.svc:${service?.port ?? 443}${service?.path ?? '/'}`);
  made.searchParams.set('timeout', `${seconds}s`);
  return made;
}

/** Verified by Go's rules against caBundle (W: as the object has it just now). */
function post(hook: Hook, asked: Asked, url: URL, body: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const failed = (why: string): void => reject(new Error(`Post "${url.href}": ${why}`));
    const bundle = Buffer.from(hook.clientConfig.caBundle ?? '', 'base64').toString('utf8');
    const pool = certPool(bundle === '' ? [] : kubernetesBundle(bundle));
    const request = https.request(url, {
      method: 'POST',
      agent: false,
      rejectUnauthorized: false,
      ca: [],
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    const timer = setTimeout(() => {
      failed('context deadline exceeded');
      request.destroy();
    }, timeoutMs);
    request.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      failed(dialError(error, url));
    });
    request.on('socket', (socket) =>
      socket.once('secureConnect', () => {
        const chain = presentedChain(socket as TLSSocket);
        const why =
          verifyChain(chain, { pool, nowMs: asked.api.nowMs(), usage: 'serverAuth' }) ??
          (chain[0] === undefined ? undefined : verifyHost(chain[0], url.hostname.replace(/^\[|\]$/g, '')));
        if (why === undefined) return;
        failed(`tls: failed to verify certificate: ${why}`);
        request.destroy();
      }),
    );
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        clearTimeout(timer);
        if (response.statusCode === 200) resolve(text);
        else failed(`the server responded with the status code ${response.statusCode} but did not return more information`);
      });
    });
    request.end(body);
  });
}

function denied(hook: Hook, status: Answer['status']): ApiError {
  const said = status?.message ?? '';
  const code = status?.code ?? 400;
  const message = `admission webhook "${hook.name}" denied the request${said === '' ? ' without explanation' : `: ${said}`}`;
  return new ApiError(code, status?.reason ?? (code === 403 ? 'Forbidden' : code === 400 ? 'BadRequest' : ''), message);
}
