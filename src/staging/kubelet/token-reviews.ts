/** Bearer tokens at a kubelet: reviewed by the API with the kubelet's own identity, and remembered for two minutes. */

import type { StagingClock } from '../clock.js';
import type { KubeCalls } from '../controllers/kube-calls.js';
import { timings } from '../timings.js';
import type { User } from './client-certificate.js';

/** Answers of the API are kept, good and bad (webhook token authenticator with its cache); that it could not be asked is not. */
export function createTokenReviews(kube: KubeCalls, clock: StagingClock): (token: string) => Promise<User | undefined> {
  const known = new Map<string, { readonly user: User | undefined; readonly untilMs: number }>();
  return async (token) => {
    const cached = known.get(token);
    if (cached !== undefined && clock.now() < cached.untilMs) return cached.user;
    const review = await kube.create('TokenReview', {}, { metadata: {}, spec: { token } });
    const status = (review.status ?? {}) as { readonly authenticated?: boolean; readonly user?: { readonly username?: string; readonly groups?: readonly string[] } };
    const user = status.authenticated === true ? { name: status.user?.username ?? '', groups: status.user?.groups ?? [] } : undefined;
    if (known.size > 1000) known.clear();
    known.set(token, { user, untilMs: clock.now() + timings.kubeletTokenCacheMs / clock.speed });
    return user;
  };
}
