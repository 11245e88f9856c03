/** clear-service-account-tokens: legacy token Secrets are signed anew. Only needed where a key that the run replaces signs tokens. */

import { z } from 'zod';
import { replacedTokenKeys } from '../../domain/cluster/token-keys.js';
import { RotationError } from '../../domain/errors.js';
import { obstaclesOf } from '../../operations/token-obstacles.js';
import { nameOf, tokenSecrets } from '../../operations/token-secrets.js';
import { type Answer, waitFor } from '../../operations/waiting.js';
import type { KubeObject, PatchOperation } from '../../ports/kube.js';
import type { Site, StepKind } from '../../ports/step-kind.js';
import { paceOf } from '../../operations/making-tokens-again.js';
import { patchSecrets } from './patch-secrets.js';
import { judgeBy, listed, tokenOf } from './token-states.js';

const params = z.strictObject({
  skip: z
    .array(z.string().regex(/^[a-z0-9.-]+\/[a-z0-9.-]+$/, 'write it as namespace/name'))
    .default([])
    .describe(
      'Token Secrets that are left alone, as namespace/name: immutable ones that you re-create yourself, and ones that a controller of yours renews. Their tokens end with the outgoing key.',
    ),
});

type Params = z.infer<typeof params>;

/** Removed, and the Secret kept: a deleted one is not made again (tokens_controller.go secretUpdateNeeded: a token that is empty or missing is). */
const removal: PatchOperation = { op: 'remove', path: '/data/token' };
const tellEvery = 50;

export const clearServiceAccountTokens: StepKind<Params> = {
  name: 'clear-service-account-tokens',
  targets: 'cluster',
  params,
  effects: () => [],

  changes: ({ skip }, { graph }) => graph.inputs.flatMap(({ place }) => (isTokenOf(place, skip) ? [{ type: 'key', place, ca: 'incoming' } as const] : [])),

  unneeded(_params, inventory) {
    return replacedTokenKeys(inventory).length > 0
      ? undefined
      : 'service-account tokens are signed by a key of their own (neither the CA key nor one that it has certified, like that of the API server), so they stay valid';
  },

  async preflight(site, p) {
    return (await ofBefore(site, p)).flatMap(obstaclesOf);
  },

  async checkpoint(site) {
    // The tokens themselves: encrypted with the checkpoint. Put back they are valid again while their key is accepted (byte-equality, legacy.go).
    return {
      files: [],
      objects: (await tokenSecrets(site)).map((object) => ({ apiVersion: 'v1', kind: 'Secret', namespace: object.metadata.namespace ?? '', name: object.metadata.name, object })),
      notes: {},
    };
  },

  async apply(site, p) {
    const judge = judgeBy(site.inventory);
    const all = await tokenSecrets(site);
    const foreign = all.filter((secret) => judge(secret) === 'foreign');
    if (foreign.length > 0) site.tell(`left alone, for what they hold is no JWT: ${listed(foreign.map(nameOf))}`);
    if (p.skip.length > 0) site.tell(`left out by name: ${listed(p.skip)}`);
    const inScope = scopeOf(p);
    const clear = (secret: KubeObject): PatchOperation | undefined => (inScope(secret) && judge(secret) === 'before' ? removal : undefined);
    const due = all.filter((secret) => clear(secret) !== undefined);
    // All or none: the API would refuse these in the middle of the others.
    const refused = due.filter(isImmutable).flatMap(obstaclesOf);
    if (refused.length > 0) throw new RotationError(refused);
    if (due.length === 0) return;
    const { callsPerSecond, tokensPerSecond, seconds } = paceOf(site.inventory, due.length);
    site.tell(
      `${due.length} tokens are cleared and refused from then on; kube-controller-manager makes them again, about ${tokensPerSecond} a second (two calls each, --kube-api-qps ${callsPerSecond}): about ${seconds} s`,
    );
    await patchSecrets(site, due, clear, 'cleared');
  },

  async inspect(site, p) {
    const judge = judgeBy(site.inventory);
    const states = (await tokenSecrets(site)).filter(scopeOf(p)).map(judge);
    if (!states.includes('before')) return 'present';
    return states.includes('after') || states.includes('none') ? 'partial' : 'absent';
  },

  verify(site, p) {
    const judge = judgeBy(site.inventory);
    let told = 0;
    return waitFor(
      site,
      {
        what: 'every token Secret has a token of the incoming key',
        rule: 'token controller: writes what is missing, two calls each, --kube-api-qps calls a second (20)',
        everyMs: 1000,
        otherwise: {
          code: 'api-refused',
          nextAction:
            'Look at the log of kube-controller-manager, and at which key its --service-account-private-key-file holds. After ten failures it leaves a Secret alone until somebody changes it, by a label for instance. Then run "rotate-ca resume".',
        },
      },
      async (): Promise<Answer> => {
        const secrets = (await tokenSecrets(site)).filter(scopeOf(p));
        const without = secrets.filter((secret) => judge(secret) === 'none');
        const old = secrets.filter((secret) => judge(secret) === 'before');
        const made = secrets.length - without.length - old.length;
        if (made === secrets.length) return true;
        if (made - told >= tellEvery) {
          told = made;
          site.tell(`${made} of ${secrets.length} token Secrets have a token of the incoming key`);
        }
        return [
          ...(without.length === 0 ? [] : [`${without.length} have no token yet: ${listed(without.map(nameOf))}`]),
          ...(old.length === 0 ? [] : [`${old.length} have one of the outgoing key: ${listed(old.map(nameOf))}`]),
        ].join('; ');
      },
    );
  },

  async undo(site, p, checkpoint) {
    const judge = judgeBy(site.inventory);
    const inScope = scopeOf(p);
    const saved = checkpoint.objects.map(({ object }) => object as KubeObject).filter((secret) => inScope(secret) && judge(secret) === 'before');
    const tokens = new Map(saved.map((secret) => [nameOf(secret), tokenOf(secret)]));
    const putBack = (secret: KubeObject): PatchOperation | undefined => {
      const value = tokens.get(nameOf(secret));
      if (value === undefined || value === tokenOf(secret)) return undefined;
      return secret.data === undefined ? { op: 'add', path: '/data', value: { token: value } } : { op: 'add', path: '/data/token', value };
    };
    const now = await tokenSecrets(site);
    const here = new Set(now.map(nameOf));
    const missing = [...tokens.keys()].filter((name) => !here.has(name));
    const { gone } = await patchSecrets(site, now, putBack, 'put back');
    const deleted = [...missing, ...gone];
    if (deleted.length > 0) site.tell(`deleted meanwhile, and not made again: ${listed(deleted)}`);
    const failures = await waitFor(
      site,
      {
        what: 'every token Secret holds the token of before',
        rule: 'asked of the API; valid while the outgoing key is accepted',
        everyMs: 1000,
        otherwise: {
          code: 'api-refused',
          nextAction: 'See who writes these Secrets with "kubectl get secret -o yaml --show-managed-fields", then run "rotate-ca rollback" again.',
        },
      },
      async () => {
        const differ = (await tokenSecrets(site)).filter((secret) => putBack(secret) !== undefined);
        return differ.length === 0 ? true : `${differ.length} hold another: ${listed(differ.map(nameOf))}`;
      },
    );
    if (failures.length > 0) throw new RotationError(failures);
  },
};

function scopeOf({ skip }: Params): (secret: KubeObject) => boolean {
  const left = new Set(skip);
  return (secret) => !left.has(nameOf(secret));
}

async function ofBefore(site: Site, p: Params): Promise<KubeObject[]> {
  const judge = judgeBy(site.inventory);
  const inScope = scopeOf(p);
  return (await tokenSecrets(site)).filter((secret) => inScope(secret) && judge(secret) === 'before');
}

function isImmutable(secret: KubeObject): boolean {
  return secret.immutable === true;
}

/** Each is made anew with the key that kube-controller-manager signs with now. */
function isTokenOf(place: string, skip: readonly string[]): boolean {
  const [, name] = /^Secret (\S+) \/data\/token$/.exec(place) ?? [];
  return name !== undefined && !skip.includes(name);
}
