/** An HTTP request as an operation on a path (http/logical.go buildLogicalRequestNoAuth). */

import type { IncomingMessage } from 'node:http';
import type { Answer } from './answer.js';
import type { Operation, VaultCall } from './call.js';

// Vault's own limit (max_request_size).
const largest = 32 * 1024 * 1024;

/** The call, or the answer to what is none. Rejects when the connection ends in the middle. */
export async function callOf(request: IncomingMessage): Promise<VaultCall | Answer> {
  const url = new URL(request.url ?? '/', 'https://vault');
  if (!url.pathname.startsWith('/v1/')) return { status: 404, raw: { contentType: 'text/plain; charset=utf-8', text: '404 page not found\n' } };
  const path = decodeURIComponent(url.pathname.slice(4)).replace(/\/{2,}/g, '/');
  const token = tokenOf(request);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > largest) return { status: 413, body: { errors: ['error parsing JSON: http: request body too large'] } };
    chunks.push(chunk as Buffer);
  }
  const namespace = String(request.headers['x-vault-namespace'] ?? '').replace(/^\/|\/$/g, '');
  if (namespace !== '' && namespace !== 'root') return { status: 404, body: { errors: [`no handler for route "${namespace}/${path}". route entry not found.`] } };
  const query = Object.fromEntries(url.searchParams);
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return readCall(path, token, query);
    case 'DELETE':
      return { operation: 'delete', path, token, data: query };
    case 'POST':
    case 'PUT':
      return withBody('update', { path, token, text: Buffer.concat(chunks).toString('utf8') });
    case 'PATCH':
      return withBody('patch', { path, token, text: Buffer.concat(chunks).toString('utf8') });
    default:
      return { status: 405, body: { errors: [] } };
  }
}

function tokenOf({ headers }: IncomingMessage): string {
  const [, bearer = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
  return String(headers['x-vault-token'] ?? bearer).trim();
}

/** A list is a GET with `list` set: the method LIST does not get through Node's server. */
function readCall(path: string, token: string, { list, ...rest }: Readonly<Record<string, string>>): VaultCall | Answer {
  if (list === undefined || list === '' || /^(?:0|f|F|FALSE|false|False)$/.test(list)) return { operation: 'read', path, token, data: rest };
  if (!/^(?:1|t|T|TRUE|true|True)$/.test(list)) return { status: 400, body: { errors: [] } };
  return { operation: 'list', path: path.endsWith('/') ? path : `${path}/`, token, data: rest };
}

function withBody(operation: Operation, { path, token, text }: { readonly path: string; readonly token: string; readonly text: string }): VaultCall | Answer {
  if (text.trim() === '') return { operation, path, token, data: {} };
  try {
    const data: unknown = JSON.parse(text);
    // `vault write -f` sends this.
    if (data === null) return { operation, path, token, data: {} };
    if (typeof data === 'object' && !Array.isArray(data)) return { operation, path, token, data: data as Record<string, unknown> };
    return { status: 400, body: { errors: ['error parsing JSON: json: cannot unmarshal into Go value of type map[string]interface {}'] } };
  } catch (error) {
    return { status: 400, body: { errors: [`error parsing JSON: ${error instanceof Error ? error.message : String(error)}`] } };
  }
}
