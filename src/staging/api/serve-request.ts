/** One request from its first line to its answer: fault, who, may they, what. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { User } from './authenticate.js';
import { mayDo, whyNot } from './authorize.js';
import { presentedChain } from './cert-files.js';
import { discover } from './discovery.js';
import { health } from './health.js';
import { nodeProxy, podLog } from './kubelet-proxy.js';
import { openApi } from './open-api.js';
import { jsonOfProtobuf } from './protobuf-body.js';
import { patience } from './patience.js';
import { getObject, listObjects } from './read-objects.js';
import { type RequestInfo, requestInfo } from './request-info.js';
import type { Resource } from './resource-table.js';
import { review } from './reviews.js';
import type { Asked, Handled, ServedApi } from './served-api.js';
import { ok } from './served-api.js';
import { findResource } from './served-resources.js';
import { jwks } from './service-account-tokens.js';
import { ApiError, asApiError, forbidden, internalError, methodNotAllowed, unauthorized, unknownResource } from './status.js';
import { serveSubresource } from './subresources.js';
import { watchObjects } from './watch-objects.js';
import { createObject, deleteCollection, deleteObject, patchObject, replaceObject } from './write-objects.js';

/** etcd: 5 s and twice the election timeout (server/config ReqTimeout). */
const etcdTimeoutMs = 7_000;
const etcdTimeoutWallMs = 1_000;
/** kube-apiserver --request-timeout. */
const requestTimeoutMs = 60_000;
const mostBytes = 3 * 2 ** 20;

/** Never rejects. */
export async function serveRequest(api: ServedApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let resource: Resource | undefined;
  try {
    const method = request.method ?? 'GET';
    const info = requestInfo(method, request.url ?? '/');
    // No answer comes, but the server ends what takes too long.
    if (isFaulty(api, info.path)) return void api.context.clock.after(requestTimeoutMs, () => response.destroy());
    const body = await bodyOf(request);
    const user = api.authenticator.authenticate(request.headers, presentedChain(request.socket as TLSSocket));
    const audited = api.audit?.begin({ request, info, user });
    audited?.write('RequestReceived');
    if (user === undefined) {
      audited?.write('ResponseStarted', 401);
      throw unauthorized();
    }
    // Once it has ended, also where the client went away or the answer is an error.
    response.once('close', () => audited?.write('ResponseComplete', response.statusCode));
    if (info.verb === 'watch') audited?.write('ResponseStarted', 200);
    authorize(api, info, user);
    const asked: Asked = { api, info, user, method, headers: request.headers, body };
    if (info.isResource) resource = findResource(api.store, info.group, info.version, info.resource);
    const handled = info.isResource ? await serveResource(asked, resource, response) : serveOther(asked);
    if (handled !== undefined) send(response, handled);
  } catch (error) {
    const status = asApiError(error, resource);
    if (!(error instanceof ApiError) && status.code === 500)
      api.context.log(`${api.node.name} kube-apiserver: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    if (response.headersSent) response.destroy();
    else send(response, { status: status.code, text: JSON.stringify(status.body(), undefined, 2), contentType: 'application/json' });
  }
}

/** Faults that are switched on for this server. true: the request is left without an answer. */
function isFaulty(api: ServedApi, path: string): boolean {
  const fault = api.context.faults.api.get(api.node.name);
  if (fault === undefined) return false;
  if (fault.kind === 'timeout') return true;
  // Probes have a priority level of their own, so that they are not turned away.
  const probe = /^\/(livez|readyz|healthz)/.test(path);
  if ((fault.status === 429 && probe) || Math.random() >= fault.share) return false;
  if (fault.status === 500) throw internalError('etcdserver: request timed out');
  throw new ApiError(429, 'TooManyRequests', 'too many requests, please try again later', { retryAfterSeconds: 1 });
}

function authorize(api: ServedApi, info: RequestInfo, user: User): void {
  if (mayDo(user, info, api.store)) return;
  const resource = info.isResource ? { group: info.group, plural: info.resource } : undefined;
  throw forbidden(resource, info.name, whyNot(user, info));
}

function serveOther({ api, info }: Asked): Handled {
  const found = health(api, info.path, info.query) ?? discover(api, info.path, api.context.spec.version) ?? openApi(api, info.path) ?? openId(api, info.path);
  return found ?? { status: 404, text: '404 page not found\n', contentType: 'text/plain; charset=utf-8' };
}

function openId(api: ServedApi, path: string): Handled | undefined {
  if (path === '/openid/v1/jwks') return { ...ok(jwks(api.verifyKeys)), contentType: 'application/jwk-set+json' };
  if (path !== '/.well-known/openid-configuration') return undefined;
  const issuer = api.issuers[0] ?? '';
  return ok({
    issuer,
    jwks_uri: `https://${api.node.address}:6443/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  });
}

async function serveResource(asked: Asked, resource: Resource | undefined, response: ServerResponse): Promise<Handled | undefined> {
  const { api, info, method } = asked;
  await etcdReady(api, info);
  const answered = review(asked);
  if (answered !== undefined) return answered;
  if (resource === undefined || (info.namespace !== '' && !resource.namespaced && resource.kind !== 'Namespace')) throw unknownResource();
  if (info.subresource === 'log' && resource.kind === 'Pod' && method === 'GET') return void (await podLog(asked, resource, response));
  if (info.subresource === 'proxy' && resource.kind === 'Node') return void (await nodeProxy(asked, response));
  if (info.subresource !== '') return serveSubresource(asked, resource);
  switch (info.verb) {
    case 'get':
      return getObject(asked, resource);
    case 'list':
      return listObjects(asked, resource);
    case 'watch':
      return void watchObjects(asked, resource, response);
    case 'create':
      if (info.name !== '' || (resource.namespaced && info.namespace === '')) throw methodNotAllowed();
      return createObject(asked, resource);
    case 'update':
      return replaceObject(asked, resource);
    case 'patch':
      return patchObject(asked, resource);
    case 'delete':
      return deleteObject(asked, resource);
    case 'deletecollection':
      return deleteCollection(asked, resource);
    default:
      throw methodNotAllowed();
  }
}

/** Data is in etcd: without its member the server waits for as long as etcd would. */
async function etcdReady(api: ServedApi, info: RequestInfo): Promise<void> {
  const stored = !info.group.startsWith('authentication') && !info.group.startsWith('authorization');
  if (!stored || api.etcd.healthy || (await api.etcd.wait(patience(api.context.clock, etcdTimeoutMs, etcdTimeoutWallMs)))) return;
  throw new ApiError(500, '', api.etcd.why === 'etcdserver: request timed out' ? api.etcd.why : 'context deadline exceeded');
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > mostBytes) throw new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${mostBytes}`);
    chunks.push(chunk as Buffer);
  }
  const type = request.headers['content-type'] ?? '';
  if (type.startsWith('application/vnd.kubernetes.protobuf')) return jsonOfProtobuf(Buffer.concat(chunks));
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, handled: Handled): void {
  const text = handled.text ?? JSON.stringify(handled.body);
  response.writeHead(handled.status, {
    'cache-control': 'no-cache, private',
    'content-type': handled.contentType ?? 'application/json',
    'content-length': Buffer.byteLength(text),
    ...(handled.status === 429 ? { 'retry-after': '1' } : {}),
    ...handled.headers,
  });
  response.end(text);
}
