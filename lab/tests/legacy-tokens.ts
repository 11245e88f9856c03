/** Tokens of service accounts in Secrets: which key has signed each, and who accepts it. */

import { createHash, X509Certificate } from 'node:crypto';
import { Agent, request } from 'node:https';
import type { Lab } from '../lab.js';
import { getJson } from '../workloads/kube-objects.js';

interface SecretList {
  readonly items: readonly { readonly metadata: { readonly namespace: string; readonly name: string }; readonly data?: Readonly<Record<string, string>> }[];
}

/** `namespace/name` to the token; '' where there is none. */
export async function legacyTokens(lab: Lab): Promise<ReadonlyMap<string, string>> {
  const { items } = await getJson<SecretList>(lab, ['secrets', '-A', '--field-selector=type=kubernetes.io/service-account-token']);
  return new Map(items.map(({ metadata: { namespace, name }, data }) => [`${namespace}/${name}`, Buffer.from(data?.token ?? '', 'base64').toString('utf8')]));
}

/** As API servers and kube-controller-manager name a key: RFC 7638 it is not, but the hash of the public key in DER. */
export function keyIdOf(certificatePem: string): string {
  return createHash('sha256')
    .update(new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

/** Of the key that signed a token, as its header says. */
export function keyIdIn(token: string): string {
  const [header = ''] = token.split('.');
  if (header === '') return 'no token';
  return (JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { kid?: string }).kid ?? 'no kid';
}

/** How often each status was the answer to these tokens, by API server: `master1 401` to 303. */
export async function answersTo(lab: Lab, tokens: Iterable<string>): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const all = [...tokens];
  await Promise.all(
    lab.controlPlanes.map(async ({ name, ip }) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 4, rejectUnauthorized: false });
      try {
        const statuses = await Promise.all(all.map((token) => statusFor(ip, token, agent)));
        for (const status of statuses) counts.set(`${name} ${status}`, (counts.get(`${name} ${status}`) ?? 0) + 1);
      } finally {
        agent.destroy();
      }
    }),
  );
  return counts;
}

/** What every account may read, and nobody without one. */
function statusFor(ip: string, token: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: ip, port: 6443, path: '/api', agent, headers: { Authorization: `Bearer ${token}` } }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    asked.once('error', reject);
    asked.end();
  });
}
