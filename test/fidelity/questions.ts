/** Questions to API servers and kubelets over connections of their own, and one connection that is kept. */

import https from 'node:https';
import { X509Certificate } from 'node:crypto';
import { Secret } from '../../src/domain/secret.js';
import type { ClientCredential, ServerAnswer } from '../../src/ports/tls-probe.js';
import { caOfCluster } from './credentials.js';
import { callMs, type World, type WorldNode } from './world.js';

export const reviewPath = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const review = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });

export type Credential = ClientCredential | string | undefined;

/** A text is a bearer token. */
export async function askApi(
  world: World,
  node: WorldNode,
  request: { readonly method?: 'GET' | 'POST'; readonly path: string; readonly body?: string; readonly by?: Credential },
): Promise<ServerAnswer> {
  const { by } = request;
  const presented = by === undefined ? {} : typeof by === 'string' ? { bearer: new Secret(by) } : { credential: by };
  return world.tls.request(
    { host: node.address, port: 6443 },
    {
      method: request.method ?? 'GET',
      path: request.path,
      ...(request.body === undefined ? {} : { body: request.body }),
      ...presented,
      caPem: (await caOfCluster(world)).certificatePem,
      deadlineMs: callMs,
    },
  );
}

/** The user as the API server names it, or the status of its refusal. */
export async function whoAmI(world: World, node: WorldNode, by: Credential): Promise<string | number> {
  return userIn(await askApi(world, node, { method: 'POST', path: reviewPath, body: review, by }));
}

function userIn(answer: ServerAnswer): string | number {
  if (answer.status !== 201) return answer.status;
  const { status } = JSON.parse(answer.body) as { status?: { userInfo?: { username?: string } } };
  return status?.userInfo?.username ?? '';
}

export function askKubelet(world: World, node: WorldNode, by: ClientCredential | undefined, path = '/pods'): Promise<ServerAnswer> {
  return world.tls.request({ host: node.address, port: 10250 }, { method: 'GET', path, ...(by === undefined ? {} : { credential: by }), deadlineMs: callMs });
}

/** SHA-256 of the leaf that is served, over a new handshake. */
export async function servedBy(world: World, at: { readonly host: string; readonly port: number }): Promise<string> {
  const [leaf = ''] = await world.tls.presentedBy(at, { deadlineMs: callMs });
  return new X509Certificate(leaf).fingerprint256;
}

export function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256;
}

export interface KeptConnection {
  /** As whoAmI, over the same connection each time. Throws when that has ended. */
  whoAmI(): Promise<string | number>;
  close(): void;
}

/** One connection to an API server; a second one is never made. */
export async function keepConnection(world: World, node: WorldNode, by: ClientCredential): Promise<KeptConnection> {
  const ca = (await caOfCluster(world)).certificatePem;
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca, cert: by.certificatePem, key: by.key.reveal() });
  let first: string | undefined;
  return {
    whoAmI: () =>
      new Promise((resolve, reject) => {
        const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(review) };
        const request = https.request({ agent, host: node.address, port: 6443, method: 'POST', path: reviewPath, headers, timeout: callMs }, (response) => {
          const from = `${response.socket.localPort}`;
          first ??= from;
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            if (from !== first) reject(new Error('the connection was not kept'));
            else resolve(userIn({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
          });
        });
        request.on('timeout', () => request.destroy(new Error('no answer')));
        request.on('error', reject);
        request.end(review);
      }),
    close: () => agent.destroy(),
  };
}
