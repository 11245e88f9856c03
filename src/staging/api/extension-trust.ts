/** Keeps kube-system/extension-apiserver-authentication as the union of what is there and what this server has loaded. k/k pkg/controlplane/controller/clusterauthenticationtrust. */

import type { Certificate } from '../../domain/pki/certificate.js';
import { timings } from '../timings.js';
import type { StagingClock } from '../clock.js';
import { kubernetesBundle } from './cert-files.js';
import { type Store, StoreRefusal } from './store.js';

export interface ExtensionTrust {
  /** What is loaded has changed. */
  sync(): void;
  stop(): void;
}

export interface ExtensionTrustOptions {
  readonly store: Store;
  readonly clock: StagingClock;
  readonly nowMs: () => number;
  readonly isHealthy: () => boolean;
  readonly clientCa: () => readonly Certificate[];
  readonly requestHeaderCa: () => readonly Certificate[];
  readonly requestHeader: {
    readonly allowedNames: readonly string[];
    readonly extraHeaderPrefixes: readonly string[];
    readonly groupHeaders: readonly string[];
    readonly usernameHeaders: readonly string[];
  };
}

const key = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'extension-apiserver-authentication' };
/** filterExpiredCerts: expired for more than 5 min. */
const expiredForMs = 300_000;

export function keepExtensionTrust(options: ExtensionTrustOptions): ExtensionTrust {
  const { store, clock } = options;

  function sync(): void {
    if (!options.isHealthy()) return;
    if (store.get({ apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' }) === undefined) return;
    const before = store.get(key);
    const data = (before?.data ?? {}) as Readonly<Record<string, string>>;
    const wanted = { ...data, ...trust(data) };
    try {
      if (before === undefined) store.create({ ...key, metadata: { namespace: key.namespace, name: key.name }, data: wanted });
      else if (JSON.stringify(wanted) !== JSON.stringify(data)) store.update({ ...before, metadata: before.metadata, data: wanted });
    } catch (error) {
      // Another server was quicker: the next poll sees what it wrote.
      if (!(error instanceof StoreRefusal)) throw error;
    }
  }

  function trust(data: Readonly<Record<string, string>>): Record<string, string> {
    const { requestHeader } = options;
    const names = (field: string, own: readonly string[]): string => JSON.stringify([...new Set([...list(data[field]), ...own])]);
    return {
      'client-ca-file': union(data['client-ca-file'], options.clientCa()),
      'requestheader-allowed-names': names('requestheader-allowed-names', requestHeader.allowedNames),
      'requestheader-client-ca-file': union(data['requestheader-client-ca-file'], options.requestHeaderCa()),
      'requestheader-extra-headers-prefix': names('requestheader-extra-headers-prefix', requestHeader.extraHeaderPrefixes),
      'requestheader-group-headers': names('requestheader-group-headers', requestHeader.groupHeaders),
      'requestheader-username-headers': names('requestheader-username-headers', requestHeader.usernameHeaders),
    };
  }

  /** Adds, and takes nothing away but what has expired. */
  function union(existing: string | undefined, own: readonly Certificate[]): string {
    const all = [...bundle(existing), ...own].filter(({ record }) => record.notAfterMs + expiredForMs > options.nowMs());
    return [...new Map(all.map((certificate) => [certificate.record.fingerprint, certificate.pem])).values()].join('');
  }

  const offEvent = store.onEvent(({ type, object }) => {
    // Only additions and deletions are followed; what was updated waits for the poll.
    if (type === 'MODIFIED' || object.kind !== 'ConfigMap' || object.metadata.name !== key.name || object.metadata.namespace !== key.namespace) return;
    sync();
  });
  const offPoll = clock.every(timings.extensionTrustPollMs, sync);
  sync();
  return {
    sync,
    stop() {
      offEvent();
      offPoll();
    },
  };
}

function bundle(text: string | undefined): readonly Certificate[] {
  try {
    return text === undefined ? [] : kubernetesBundle(text);
  } catch {
    return [];
  }
}

function list(text: string | undefined): string[] {
  try {
    return text === undefined ? [] : (JSON.parse(text) as string[]);
  } catch {
    return [];
  }
}
