/** Token controller: fills Secrets of the type kubernetes.io/service-account-token (k/k pkg/controller/serviceaccount/tokens_controller.go). */

import type { StoredObject } from '../api/store.js';
import { timings } from '../timings.js';
import type { ControllerWorld } from './controller-world.js';
import { legacyToken } from './legacy-token.js';
import { keyOf, partsOf } from './object-cache.js';

export const tokenSecretType = 'kubernetes.io/service-account-token';
const accountName = 'kubernetes.io/service-account.name';
const accountUid = 'kubernetes.io/service-account.uid';

/** What of a Secret's data must be written; undefined: nothing (secretUpdateNeeded). The CA by its bytes; a token only where there is none. */
export function missingData(
  secret: StoredObject,
  wanted: { readonly rootCa: string | undefined; readonly token: () => string; readonly accountUid: string },
): Readonly<Record<string, string>> | undefined {
  const data = (secret.data ?? {}) as Readonly<Record<string, string>>;
  const namespace = secret.metadata.namespace ?? '';
  const ca = wanted.rootCa === undefined ? '' : encoded(wanted.rootCa);
  const writes = {
    ...(ca !== '' && data['ca.crt'] !== ca ? { 'ca.crt': ca } : {}),
    ...(data.namespace === undefined || data.namespace === '' ? { namespace: encoded(namespace) } : {}),
    ...(data.token === undefined || data.token === '' ? { token: encoded(wanted.token()) } : {}),
  };
  const isNamed = secret.metadata.annotations?.[accountUid] === wanted.accountUid;
  return Object.keys(writes).length === 0 && isNamed ? undefined : writes;
}

export function fillTokens(world: ControllerWorld): void {
  const { kube, rootCa, tokenKeyPem } = world;
  if (tokenKeyPem === undefined) return;
  const accounts = world.cache('ServiceAccount');
  const secrets = world.cache('Secret');

  // It gives a Secret up after ten failures (tokens_controller.go retryOrForget, MaxRetries), until that Secret or its account changes.
  const queue = world.queue(
    'serviceaccount-token-controller',
    async (key) => {
      const { namespace, name } = partsOf(key);
      const cached = secrets.get(namespace, name);
      if (cached === undefined || cached.type !== tokenSecretType) return false;
      const account = accounts.get(namespace, cached.metadata.annotations?.[accountName] ?? '');
      if (account === undefined || isOfAnother(cached, account)) {
        // A Secret of an account that is gone goes with it.
        if (!accounts.isSynced) return false;
        await kube.remove('Secret', { namespace, name }, { uid: cached.metadata.uid });
        return true;
      }
      // The live object: a cached one may be behind (generateTokenIfNeeded).
      const live = await kube.get('Secret', { namespace, name });
      if (live === undefined || live.metadata.uid !== cached.metadata.uid) return false;
      const claims = { namespace, secretName: name, accountName: account.metadata.name, accountUid: account.metadata.uid };
      const writes = missingData(live, { rootCa, token: () => legacyToken(tokenKeyPem, claims), accountUid: account.metadata.uid });
      if (writes === undefined) return false;
      const metadata = { ...live.metadata, annotations: { ...live.metadata.annotations, [accountUid]: account.metadata.uid } };
      secrets.remember(await kube.replace('Secret', { namespace, name }, { ...live, metadata, data: { ...(live.data as object | undefined), ...writes } }));
      return true;
    },
    { pauseMs: timings.publishEveryMs, retries: 10 },
  );

  const add = (object: StoredObject): void => {
    if (object.type === tokenSecretType && accounts.isSynced && secrets.isSynced) queue.add(keyOf(object.metadata.namespace, object.metadata.name));
  };
  secrets.onChange((type, object) => {
    if (type !== 'DELETED') add(object);
  });
  accounts.onChange((_, account) =>
    secrets.list(account.metadata.namespace).forEach((secret) => {
      if (secret.metadata.annotations?.[accountName] === account.metadata.name) add(secret);
    }),
  );
  accounts.onSynced(() => secrets.onSynced(() => secrets.list().forEach(add)));
}

function isOfAnother(secret: StoredObject, account: StoredObject): boolean {
  const uid = secret.metadata.annotations?.[accountUid];
  return uid !== undefined && uid !== '' && uid !== account.metadata.uid;
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}
