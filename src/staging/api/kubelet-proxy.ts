/** What the API server fetches from kubelets for a client: logs of pods, and anything below a node's proxy. */

import type { ServerResponse } from 'node:http';
import { qualified, type Resource } from './resource-table.js';
import { mustGet } from './read-objects.js';
import type { Asked, ServedApi } from './served-api.js';
import { ApiError, badRequest, internalError, notFound } from './status.js';
import type { StoredObject } from './store.js';

const kubeletPort = 10_250;

/** GET pods/X/log. Writes the answer itself, as it comes. Throws what is answered instead. */
export async function podLog(asked: Asked, resource: Resource, response: ServerResponse): Promise<void> {
  const pod = mustGet(asked, resource);
  const { namespace = '', name } = pod.metadata;
  const spec = (pod.spec ?? {}) as { nodeName?: string; containers?: readonly { name: string }[] };
  const { query } = asked.info;
  const container = query.get('container') ?? spec.containers?.[0]?.name ?? '';
  if (!(spec.containers ?? []).some((one) => one.name === container)) throw badRequest(`container ${container} is not valid for pod ${name}`);
  // A pod that has no node yet has no log.
  if ((spec.nodeName ?? '') === '') throw badRequest(`pod ${name} does not have a host assigned`);
  const at = kubeletOf(asked.api, spec.nodeName ?? '');
  const rest = new URLSearchParams([...query].filter(([key]) => key !== 'container' && key !== 'namespace'));
  const path = `/containerLogs/${namespace}/${name}/${container}${rest.size === 0 ? '' : `?${rest}`}`;
  const answer = await asked.api.kubelets.request('GET', at.host, at.port, path).catch((error: Error) => {
    throw new ApiError(500, '', error.message);
  });
  if (answer.status < 200 || answer.status > 206) throw responseError(answer.status, qualified({ group: '', plural: 'pods/log' }), name, await text(answer.stream));
  response.writeHead(200, { 'content-type': 'text/plain' });
  answer.stream.pipe(response);
}

/** Any verb below nodes/N/proxy: answers are passed on as they are. */
export async function nodeProxy(asked: Asked, response: ServerResponse): Promise<void> {
  const { info, api, method } = asked;
  const [name = '', port] = info.name.replace(/^https?:/, '').split(':');
  const at = kubeletOf(api, name);
  const query = info.query.size === 0 ? '' : `?${info.query}`;
  const answer = await api.kubelets
    .request(method, at.host, port === undefined || port === '' ? at.port : Number(port), `/${info.rest}${query}`, asked.body === '' ? undefined : asked.body)
    .catch((error: Error) => {
      throw new ApiError(503, 'ServiceUnavailable', `error trying to reach service: ${error.message.replace(/^\w+ "[^"]*": /, '')}`);
    });
  response.writeHead(answer.status, { 'content-type': answer.contentType });
  answer.stream.pipe(response);
}

/** The address of the Node object: --kubelet-preferred-address-types of kubeadm is InternalIP, ExternalIP, Hostname. */
function kubeletOf(api: ServedApi, name: string): { readonly host: string; readonly port: number } {
  const node: StoredObject | undefined = api.store.get({ apiVersion: 'v1', kind: 'Node', name });
  if (node === undefined) throw notFound({ group: '', plural: 'nodes' }, name);
  const status = (node.status ?? {}) as {
    addresses?: readonly { readonly type: string; readonly address: string }[];
    daemonEndpoints?: { readonly kubeletEndpoint?: { readonly Port?: number } };
  };
  for (const type of ['InternalIP', 'ExternalIP', 'Hostname']) {
    const found = status.addresses?.find((one) => one.type === type);
    if (found !== undefined) return { host: found.address, port: status.daemonEndpoints?.kubeletEndpoint?.Port ?? kubeletPort };
  }
  throw internalError(`no preferred addresses found; known addresses: []`);
}

/** apimachinery pkg/api/errors NewGenericServerResponse, through apiserver pkg/registry/generic/rest/response_checker.go. */
function responseError(status: number, resource: string, name: string, body: string): ApiError {
  if (status === 500) return internalError(body);
  if (status === 400) return badRequest(body);
  const known: Readonly<Record<number, readonly [reason: string, message: string]>> = {
    401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
    403: ['Forbidden', body],
    404: ['NotFound', 'the server could not find the requested resource'],
    503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  };
  const [reason, message] = known[status] ?? ['', `the server responded with the status code ${status} but did not return more information`];
  return new ApiError(status, reason, `${message} ( ${resource} ${name})`, { name, kind: resource });
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += String(chunk);
  return all;
}
