/** Many small changes to Secrets at once, each on the condition that the Secret is still the one that was judged. */

import { fail } from '../../domain/errors.js';
import { limitsOf } from '../../operations/waiting.js';
import type { KubeObject, ObjectRef, PatchOperation } from '../../ports/kube.js';
import type { Site } from '../../ports/step-kind.js';
import { nameOf } from '../../operations/token-secrets.js';

/** What is to be done with a Secret as it is now; undefined: nothing. */
export type Decide = (secret: KubeObject) => PatchOperation | undefined;

export interface Patched {
  readonly changed: number;
  /** `namespace/name` of those that were deleted meanwhile. */
  readonly gone: readonly string[];
}

/** By far fewer than an API server takes at once (200 that change something, kube-apiserver --max-mutating-requests-inflight). */
const inFlight = 32;
const callMs = 15_000;
const tellEvery = 50;

/**
 * Patches all for which `decide` has an operation, 32 at once. A Secret that somebody has changed since is read again and decided anew, until the
 * deadline of the phase. `done` is the word for the progress that is told: "cleared 50 of 300 tokens".
 * Throws what the API throws (the first of it; nothing is begun after that, and nothing is left in flight), and deadline-exceeded.
 */
export async function patchSecrets(
  site: Pick<Site, 'access' | 'signal' | 'deadlineAtMs' | 'now' | 'tell'>,
  secrets: readonly KubeObject[],
  decide: Decide,
  done: string,
): Promise<Patched> {
  const work = secrets.filter((secret) => decide(secret) !== undefined);
  const gone: string[] = [];
  const failed: unknown[] = [];
  let [next, changed, settled] = [0, 0, 0];

  async function lane(): Promise<void> {
    for (let secret = work[next++]; secret !== undefined && failed.length === 0; secret = work[next++]) {
      try {
        const outcome = await patchOne(site, secret, decide);
        if (outcome === 'changed') changed++;
        if (outcome === 'gone') gone.push(nameOf(secret));
        settled++;
        if (settled % tellEvery === 0 && settled < work.length) site.tell(`${done} ${changed} of ${work.length} tokens`);
      } catch (error) {
        failed.push(error);
      }
    }
  }

  await Promise.all(Array.from({ length: Math.min(inFlight, work.length) }, lane));
  if (failed.length > 0) throw failed[0];
  if (work.length > 0) site.tell(`${done} ${changed} of ${work.length} tokens${gone.length === 0 ? '' : `; ${gone.length} Secrets were deleted meanwhile`}`);
  return { changed, gone };
}

async function patchOne(site: Pick<Site, 'access' | 'signal' | 'deadlineAtMs' | 'now'>, secret: KubeObject, decide: Decide): Promise<'changed' | 'unneeded' | 'gone'> {
  const { name, namespace = '' } = secret.metadata;
  const ref: ObjectRef = { apiVersion: 'v1', kind: 'Secret', namespace, name };
  const kube = site.access.kube();
  for (let now = secret; ; ) {
    const operation = decide(now);
    if (operation === undefined) return 'unneeded';
    const test: PatchOperation = { op: 'test', path: '/metadata/resourceVersion', value: now.metadata.resourceVersion };
    const answer = await kube.jsonPatch(ref, [test, operation], limitsOf(site, callMs));
    if (answer === 'gone') return 'gone';
    if (answer !== 'outdated') return 'changed';
    if (site.now() >= site.deadlineAtMs) return whileOthersWrite(nameOf(secret));
    const again = await kube.read(ref, limitsOf(site, callMs));
    if (again === undefined) return 'gone';
    now = again;
  }
}

function whileOthersWrite(target: string): never {
  return fail('deadline-exceeded', {
    target,
    summary: `the token of Secret ${target} could not be written in time`,
    cause: 'somebody else changed the Secret before each attempt',
    nextAction: `See who writes it with "kubectl -n ${target.split('/')[0]} get secret ${target.split('/')[1]} -o yaml --show-managed-fields", then run "rotate-ca resume".`,
    retryable: true,
  });
}
