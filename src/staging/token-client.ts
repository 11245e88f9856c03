/** A token client outside of the cluster, as CI systems are: its token and ca.crt are kept as its Secret has them. */

import { writeFileSync } from 'node:fs';
import type { StoredObject } from './api/store.js';
import type { StagingContext } from './component.js';
import type { OperatorFiles } from './operator-files.js';

/** Writes both files now and whenever the Secret changes. Returns what ends it. */
export function keepTokenClient(context: StagingContext, files: OperatorFiles['tokenClient']): () => void {
  const { store } = context;
  const chosen = store.list({ apiVersion: 'v1', kind: 'Secret' }).find(isToken);
  if (chosen === undefined) return () => undefined;
  const write = (object: StoredObject): void => {
    const data = (object.data ?? {}) as Readonly<Record<string, string>>;
    if (data.token === undefined || data['ca.crt'] === undefined) return;
    writeFileSync(files.tokenFile, Buffer.from(data.token, 'base64'), { mode: 0o600 });
    writeFileSync(files.caFile, Buffer.from(data['ca.crt'], 'base64'), { mode: 0o600 });
  };
  write(chosen);
  return store.onEvent(({ type, object }) => {
    if (type !== 'DELETED' && isToken(object) && object.metadata.name === chosen.metadata.name && object.metadata.namespace === chosen.metadata.namespace) write(object);
  });
}

function isToken(object: StoredObject): boolean {
  return object.kind === 'Secret' && object.type === 'kubernetes.io/service-account-token';
}
