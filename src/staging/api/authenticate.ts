/** Who asks? A client certificate, judged anew at each request, or a bearer token. k/k pkg/kubeapiserver/authenticator/config.go. */

import type { IncomingHttpHeaders } from 'node:http';
import type { Certificate } from '../../domain/pki/certificate.js';
import type { Store, StoredObject } from './store.js';
import { type Claims, legacyIssuer, type TokenKey, verifyToken } from './service-account-tokens.js';
import { certPool, commonName, organizations, verifyChain } from './verify-client.js';

export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

export interface AuthenticatorParts {
  readonly store: Store;
  /** As loaded just now. */
  readonly clientCa: () => readonly Certificate[];
  readonly requestHeaderCa: () => readonly Certificate[];
  readonly requestHeaderNames: readonly string[];
  readonly keys: readonly TokenKey[];
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  /** The user of a client certificate carries its fingerprint. */
  readonly namesCertificates: boolean;
  /** The server's clock, Unix ms. */
  readonly nowMs: () => number;
  /** How long a token that was accepted is not looked at again, in ms of the wall. */
  readonly tokenCacheMs: number;
  readonly log: (line: string) => void;
}

export type Verdict = { readonly user: User } | { readonly error: string };

export interface Authenticator {
  /** undefined: the credential is refused. Without any credential: anonymous. */
  authenticate(headers: IncomingHttpHeaders, chain: readonly Certificate[]): User | undefined;
  /** A token alone, for TokenReview. */
  token(token: string, audiences?: readonly string[]): Verdict;
}

export function createAuthenticator(parts: AuthenticatorParts): Authenticator {
  const cache = new Map<string, { readonly user: User; readonly until: number }>();
  let pools:
    | {
        readonly client: readonly Certificate[];
        readonly header: readonly Certificate[];
        readonly clientPool: ReturnType<typeof certPool>;
        readonly headerPool: ReturnType<typeof certPool>;
      }
    | undefined;

  function loadedPools(): NonNullable<typeof pools> {
    const [client, header] = [parts.clientCa(), parts.requestHeaderCa()];
    if (pools?.client !== client || pools.header !== header) pools = { client, header, clientPool: certPool(client), headerPool: certPool(header) };
    return pools;
  }

  function byHeaders(headers: IncomingHttpHeaders, chain: readonly Certificate[]): User | undefined {
    const name = headers['x-remote-user'];
    const [leaf] = chain;
    if (typeof name !== 'string' || leaf === undefined) return undefined;
    if (verifyChain(chain, { pool: loadedPools().headerPool, nowMs: parts.nowMs(), usage: 'clientAuth' }) !== undefined) return undefined;
    if (parts.requestHeaderNames.length > 0 && !parts.requestHeaderNames.includes(commonName(leaf))) return undefined;
    const groups = String(headers['x-remote-group'] ?? '').split(', ');
    return withAuthenticated({ name, groups: groups.filter((group) => group !== '') });
  }

  /** apiserver pkg/authentication/request/x509/x509.go. */
  function byCertificate(chain: readonly Certificate[]): Verdict | undefined {
    const [leaf] = chain;
    if (leaf === undefined) return undefined;
    const why = verifyChain(chain, { pool: loadedPools().clientPool, nowMs: parts.nowMs(), usage: 'clientAuth' });
    const { serial, ski, aki, fingerprint } = leaf.record;
    if (why !== undefined) return { error: `verifying certificate SN=${BigInt(`0x${serial}`)}, SKID=${colons(ski)}, AKID=${colons(aki)} failed: ${why}` };
    const name = commonName(leaf);
    if (name === '') return { error: 'x509: subject with cn= is not in the allowed list' };
    const extra = parts.namesCertificates ? { extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] } } : {};
    return { user: withAuthenticated({ name, groups: organizations(leaf), ...extra }) };
  }

  function token(text: string, audiences: readonly string[] = []): Verdict {
    const id = `${text} ${audiences.join()}`;
    const kept = cache.get(id);
    if (kept !== undefined && kept.until > Date.now()) return { user: kept.user };
    const verdict = text.includes('.') && text.split('.').length === 3 ? serviceAccount(text, audiences) : bootstrap(text);
    if ('error' in verdict) return verdict;
    if (cache.size > 5_000) cache.clear();
    cache.set(id, { user: verdict.user, until: Date.now() + parts.tokenCacheMs });
    return verdict;
  }

  function serviceAccount(text: string, audiences: readonly string[]): Verdict {
    const verified = verifyToken(text, parts.keys);
    if ('error' in verified) return verified;
    const { claims } = verified;
    return claims.iss === legacyIssuer ? legacy(text, claims) : bound(claims, audiences.length > 0 ? audiences : parts.audiences);
  }

  /** pkg/serviceaccount/legacy.go Validate. */
  function legacy(text: string, claims: Claims): Verdict {
    const claim = (name: string): string => String(claims[`kubernetes.io/serviceaccount/${name}`] ?? '');
    const [namespace, name, secretName] = [claim('namespace'), claim('service-account.name'), claim('secret.name')];
    const secret = parts.store.get({ apiVersion: 'v1', kind: 'Secret', namespace, name: secretName });
    if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) return { error: 'service account token has been invalidated' };
    const copy = (secret.data as Record<string, string> | undefined)?.token ?? '';
    if (Buffer.from(copy, 'base64').toString('utf8') !== text) return { error: "service account token does not match server's copy" };
    if (secret.metadata.labels?.['kubernetes.io/legacy-token-invalid-since'] !== undefined) return { error: 'the token in secret has been invalidated' };
    return account(namespace, name, claim('service-account.uid'));
  }

  /** pkg/serviceaccount/claims.go Validate. */
  function bound(claims: Claims, audiences: readonly string[]): Verdict {
    const now = parts.nowMs() / 1000;
    if (!parts.issuers.includes(claims.iss ?? '')) return { error: 'token issuer is not one of the configured issuers' };
    if (claims.exp !== undefined && now > claims.exp) return { error: 'service account token has expired' };
    if (claims.nbf !== undefined && now < claims.nbf) return { error: 'service account token is not valid yet' };
    const has = typeof claims.aud === 'string' ? [claims.aud] : (claims.aud ?? []);
    if (!has.some((audience) => audiences.includes(audience)))
      return { error: `token audiences ${JSON.stringify(has)} is invalid for the target audiences ${JSON.stringify(audiences)}` };
    const own = (claims['kubernetes.io'] ?? {}) as {
      namespace?: string;
      serviceaccount?: { name: string; uid: string };
      pod?: { name: string; uid: string };
      secret?: { name: string; uid: string };
    };
    const namespace = own.namespace ?? '';
    for (const [kind, ref] of [['Pod', own.pod] as const, ['Secret', own.secret] as const]) {
      if (ref === undefined) continue;
      const object = parts.store.get({ apiVersion: 'v1', kind, namespace, name: ref.name });
      if (object?.metadata.uid !== ref.uid) return { error: `service account token has been invalidated` };
    }
    const pod = own.pod === undefined ? {} : { 'authentication.kubernetes.io/pod-name': [own.pod.name], 'authentication.kubernetes.io/pod-uid': [own.pod.uid] };
    return account(namespace, own.serviceaccount?.name ?? '', own.serviceaccount?.uid ?? '', { ...pod, 'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti ?? ''}`] });
  }

  function account(namespace: string, name: string, uid: string, extra?: User['extra']): Verdict {
    const object: StoredObject | undefined = parts.store.get({ apiVersion: 'v1', kind: 'ServiceAccount', namespace, name });
    if (object === undefined) return { error: `serviceaccounts "${name}" not found` };
    if (object.metadata.uid !== uid) return { error: 'service account UID does not match the claim' };
    return {
      user: withAuthenticated({
        name: `system:serviceaccount:${namespace}:${name}`,
        uid,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
        ...(extra === undefined ? {} : { extra }),
      }),
    };
  }

  /** k/k plugin/pkg/auth/authenticator/token/bootstrap. */
  function bootstrap(text: string): Verdict {
    const [, id = '', secret = ''] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(text) ?? [];
    if (id === '') return { error: 'invalid bearer token' };
    const object = parts.store.get({ apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: `bootstrap-token-${id}` });
    const value = (key: string): string => Buffer.from((object?.data as Record<string, string> | undefined)?.[key] ?? '', 'base64').toString('utf8');
    const expiration = value('expiration');
    const fits =
      object?.type === 'bootstrap.kubernetes.io/token' &&
      object.metadata.deletionTimestamp === undefined &&
      value('token-id') === id &&
      value('token-secret') === secret &&
      value('usage-bootstrap-authentication') === 'true' &&
      (expiration === '' || Date.parse(expiration) > parts.nowMs());
    if (!fits) return { error: 'invalid bearer token' };
    const extra = value('auth-extra-groups').split(',');
    return { user: withAuthenticated({ name: `system:bootstrap:${id}`, groups: ['system:bootstrappers', ...extra.filter((group) => group !== '')] }) };
  }

  return {
    token,
    authenticate(headers, chain) {
      const errors: string[] = [];
      const fromHeaders = byHeaders(headers, chain);
      if (fromHeaders !== undefined) return fromHeaders;
      const verdicts = [byCertificate(chain)];
      const bearer = /^Bearer +(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1];
      if (bearer !== undefined && !(verdicts[0] !== undefined && 'user' in verdicts[0])) verdicts.push(token(bearer));
      for (const verdict of verdicts) {
        if (verdict === undefined) continue;
        if ('user' in verdict) return verdict.user;
        errors.push(verdict.error);
      }
      if (errors.length === 0) return anonymous;
      // A credential that fails is never taken for none.
      parts.log(`"Unable to authenticate the request" err="[${errors.map((error) => (error.startsWith('verifying') ? error : `invalid bearer token, ${error}`)).join(', ')}]"`);
      return undefined;
    },
  };
}

function withAuthenticated(user: User): User {
  return { ...user, groups: [...user.groups.filter((group) => group !== 'system:authenticated'), 'system:authenticated'] };
}

function colons(hex: string): string {
  return hex.toUpperCase().replace(/..(?=.)/g, '$&:');
}
