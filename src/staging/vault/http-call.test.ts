import { request } from 'node:https';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClock } from '../clock.js';
import { type StagingVault, startVault } from './server.js';

let vault: StagingVault;
beforeAll(async () => {
  vault = await startVault({ address: '127.0.0.1', port: 0, clock: createClock(1), policy: 'path "x" { capabilities = ["read"] }' });
});
afterAll(() => vault.close());

interface Sent {
  readonly method: string;
  readonly url: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function send({ method, url, body, headers }: Sent): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${vault.url}${url}`, { method, ca: vault.caPem, headers: { 'X-Vault-Token': vault.rootToken, ...headers } }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

it.each<[string, Sent, number, string]>([
  ['a body that is null, as `vault write -f` sends it', { method: 'PUT', url: '/v1/sys/capabilities-self', body: 'null\n' }, 400, 'paths must be supplied'],
  ['no body', { method: 'POST', url: '/v1/sys/capabilities-self' }, 400, 'paths must be supplied'],
  ['a body that is no JSON', { method: 'POST', url: '/v1/sys/capabilities-self', body: '{' }, 400, 'error parsing JSON'],
  ['a body that is a list', { method: 'POST', url: '/v1/sys/capabilities-self', body: '[]' }, 400, 'cannot unmarshal'],
  ['a list by list=true', { method: 'GET', url: '/v1/pki-k8s/roles?list=true' }, 200, '"keys":["rotate-ca"]'],
  ['list=0, which is a read', { method: 'GET', url: '/v1/pki-k8s/roles?list=0' }, 405, 'unsupported operation'],
  ['a list that is neither', { method: 'GET', url: '/v1/pki-k8s/roles?list=x' }, 400, '{"errors":[]}'],
  ['a token as bearer', { method: 'GET', url: '/v1/auth/token/lookup-self', headers: { 'X-Vault-Token': '', Authorization: 'Bearer hvs.wrong' } }, 403, 'permission denied'],
  ['a namespace, which this edition has not', { method: 'GET', url: '/v1/pki-k8s/roles/x', headers: { 'X-Vault-Namespace': 'team' } }, 404, 'no handler for route'],
  ['a path beside the API', { method: 'GET', url: '/ui/' }, 404, '404 page not found'],
  ['a method that is not known', { method: 'OPTIONS', url: '/v1/sys/mounts' }, 405, '{"errors":[]}'],
  ['HEAD, which has no body', { method: 'HEAD', url: '/v1/sys/health' }, 200, ''],
])('%s', async (_name, sent, status, text) => {
  const answer = await send(sent);
  expect(answer.status).toBe(status);
  expect(answer.text).toContain(text);
});
