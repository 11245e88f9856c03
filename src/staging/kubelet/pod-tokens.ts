/** Tokens of pods in the memory of their kubelet, and when they are asked for anew (k/k pkg/kubelet/token/token_manager.go). */

import type { StoredObject } from '../api/store.js';
import type { StagingClock } from '../clock.js';
import type { KubeCalls } from '../controllers/kube-calls.js';
import { podSpecOf } from '../controllers/workload-objects.js';
import type { TokenSource } from './volume-sources.js';

export interface PodTokens {
  /** Throws if there is none and none can be had; one that still lives is given on when its renewal fails. */
  tokenOf(pod: StoredObject, source: TokenSource): Promise<string>;
  forget(uid: string): void;
}

interface Held {
  readonly token: string;
  /** Wall clock, Unix ms. */
  readonly sinceMs: number;
}

const renewAtShare = 0.8;
const oldestMs = 24 * 3_600_000;
const jitterMs = 10_000;

export function podTokens(kube: KubeCalls, clock: StagingClock, log: (line: string) => void): PodTokens {
  const held = new Map<string, Held>();

  return {
    async tokenOf(pod, source) {
      const { uid, namespace, name } = pod.metadata;
      const key = `${uid}/${source.audience ?? ''}/${source.seconds}`;
      const known = held.get(key);
      // Milliseconds of a real cluster.
      const ageMs = known === undefined ? Number.POSITIVE_INFINITY : (clock.now() - known.sinceMs) * clock.speed;
      const jitter = Math.random() * jitterMs;
      if (known !== undefined && ageMs < oldestMs - jitter && ageMs < source.seconds * 1000 * renewAtShare - jitter) return known.token;
      try {
        const token = await ask(pod, source);
        held.set(key, { token, sinceMs: clock.now() });
        return token;
      } catch (error) {
        if (known === undefined) throw new Error(`failed to fetch token: ${textOf(error)}`);
        if (ageMs > source.seconds * 1000) throw new Error(`token expired and refresh failed: ${textOf(error)}`);
        log(`"Couldn't update token" pod="${namespace ?? ''}/${name}" err="${textOf(error)}"`);
        return known.token;
      }
    },
    forget(uid) {
      for (const key of held.keys()) if (key.startsWith(`${uid}/`)) held.delete(key);
    },
  };

  async function ask(pod: StoredObject, source: TokenSource): Promise<string> {
    const { uid, namespace, name } = pod.metadata;
    const account = podSpecOf(pod).serviceAccountName ?? 'default';
    const made = await kube.create(
      'ServiceAccount',
      { namespace, name: account, subresource: 'token' },
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        metadata: {},
        spec: {
          expirationSeconds: source.seconds,
          audiences: source.audience === undefined ? [] : [source.audience],
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      },
    );
    const token = (made.status as { readonly token?: string } | undefined)?.token;
    if (token === undefined) throw new Error(`no token for ${namespace ?? ''}/${account}`);
    return token;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
