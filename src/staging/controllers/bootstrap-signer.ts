/** bootstrapsigner: signs cluster-info with every bootstrap token that may sign, again whenever one of both changes (k/k pkg/controller/bootstrap/bootstrapsigner.go). */

import { createHmac } from 'node:crypto';
import type { StoredObject } from '../api/store.js';
import type { ControllerWorld } from './controller-world.js';

const signature = 'jws-kubeconfig-';
export const bootstrapTokenType = 'bootstrap.kubernetes.io/token';

export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

/** JWS with the content left out, HS256 with the token's secret (k/k cluster-bootstrap/token/jws ComputeDetachedSignature). */
export function detachedSignature(content: string, token: BootstrapToken): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: token.id })).toString('base64url');
  const signed = `${header}.${Buffer.from(content).toString('base64url')}`;
  return `${header}..${createHmac('sha256', token.secret).update(signed).digest('base64url')}`;
}

/** undefined: not a token that may sign now. */
export function signingToken(secret: StoredObject, nowMs: number): BootstrapToken | undefined {
  const text = (key: string): string => Buffer.from(((secret.data ?? {}) as Record<string, string>)[key] ?? '', 'base64').toString('utf8');
  if (secret.type !== bootstrapTokenType || secret.metadata.name !== `bootstrap-token-${text('token-id')}`) return undefined;
  if (text('usage-bootstrap-signing') !== 'true' || hasExpired(secret, nowMs)) return undefined;
  return { id: text('token-id'), secret: text('token-secret') };
}

/** Data that cluster-info shall have: signatures of tokens that are gone go, too. */
export function signedData(data: Readonly<Record<string, string>>, tokens: readonly BootstrapToken[]): Record<string, string> {
  const content = data.kubeconfig ?? '';
  const kept = Object.entries(data).filter(([key]) => !key.startsWith(signature));
  return Object.fromEntries([...kept, ...(content === '' ? [] : tokens.map((token) => [`${signature}${token.id}`, detachedSignature(content, token)] as const))]);
}

export function signClusterInfo(world: ControllerWorld): void {
  const maps = world.cache('ConfigMap');
  const secrets = world.cache('Secret');
  const where = { namespace: 'kube-public', name: 'cluster-info' };

  const queue = world.queue('bootstrap_signer', async () => {
    const map = maps.get(where.namespace, where.name);
    if (map === undefined || !secrets.isSynced) return false;
    const data = (map.data ?? {}) as Readonly<Record<string, string>>;
    const tokens = secrets.list('kube-system').flatMap((secret) => signingToken(secret, world.now()) ?? []);
    const wanted = signedData(data, tokens);
    if (same(data, wanted)) return false;
    maps.remember(await world.kube.replace('ConfigMap', where, { ...map, data: wanted }));
    return true;
  });

  const look = (): void => queue.add('cluster-info');
  maps.onChange((_, object) => {
    if (object.metadata.namespace === where.namespace && object.metadata.name === where.name) look();
  });
  secrets.onChange((_, object) => {
    if (object.type === bootstrapTokenType) look();
  });
  maps.onSynced(() => secrets.onSynced(look));

  // tokencleaner: tokens that have expired are deleted (k/k pkg/controller/bootstrap/tokencleaner.go).
  world.every(10_000, 'token_cleaner', async () => {
    for (const secret of secrets.list('kube-system')) {
      if (secret.type !== bootstrapTokenType || !hasExpired(secret, world.now())) continue;
      await world.kube.remove('Secret', { namespace: 'kube-system', name: secret.metadata.name }, { uid: secret.metadata.uid });
    }
  });
}

function hasExpired(secret: StoredObject, nowMs: number): boolean {
  const at = Buffer.from(((secret.data ?? {}) as Record<string, string>).expiration ?? '', 'base64').toString('utf8');
  return at !== '' && !(Date.parse(at) > nowMs);
}

function same(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
