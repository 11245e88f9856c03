/** A token client outside of the cluster, as CI systems are: its token and ca.crt are kept as its Secret has them. */

import { renameSync, writeFileSync } from 'node:fs';
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
    replace(files.tokenFile, data.token);
    replace(files.caFile, data['ca.crt']);
  };
  write(chosen);
  return store.onEvent(({ type, object }) => {
    if (type !== 'DELETED' && isToken(object) && object.metadata.name === chosen.metadata.name && object.metadata.namespace === chosen.metadata.namespace) write(object);
  });
}

/** In one step: the client reads it at any moment, and half a bundle verifies nothing. */
function replace(file: string, base64: string): void {
  writeFileSync(`${file}.part`, Buffer.from(base64, 'base64'), { mode: 0o600 });
  renameSync(`${file}.part`, file);
}

function isToken(object: StoredObject): boolean {
  return object.kind === 'Secret' && object.type === 'kubernetes.io/service-account-token';
}
