/** clear-service-account-tokens: legacy token Secrets are signed anew. Only needed where a key that the run replaces signs tokens. */

import { z } from 'zod';
import { type Inventory, nodesWith } from '../../domain/cluster/inventory.js';
import { pki } from '../../operations/run-files.js';
import { limitsOf, waitFor } from '../../operations/waiting.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({});

export const clearServiceAccountTokens: StepKind<z.infer<typeof params>> = {
  name: 'clear-service-account-tokens',
  targets: 'cluster',
  params,
  effects: () => [],

  unneeded(_params, inventory) {
    return tokenKeyIsReplaced(inventory) ? undefined : 'service-account tokens are signed by a key of their own (neither the CA key nor the API server key), so they stay valid';
  },

  async preflight() {
    return [];
  },

  async checkpoint(site) {
    // The tokens themselves: encrypted with the checkpoint. Put back they are valid again while their key is accepted (byte-equality, legacy.go).
    return {
      files: [],
      objects: (await secrets(site)).map((object) => ({ apiVersion: 'v1', kind: 'Secret', namespace: object.metadata.namespace ?? '', name: object.metadata.name, object })),
      notes: {},
    };
  },

  async apply(site) {
    for (const secret of await secrets(site)) {
      if (!isSignedBefore(site, secret)) continue;
      // Cleared, not deleted: a deleted one is not made again (tokens_controller.go secretUpdateNeeded).
      await site.access.kube().replace({ ...secret, data: { ...(secret.data as object), token: '' } }, limitsOf(site, 15_000));
    }
  },

  async inspect(site) {
    return (await secrets(site)).some((s) => isSignedBefore(site, s)) ? 'partial' : 'present';
  },

  verify(site) {
    return waitFor(
      site,
      {
        what: 'every token Secret has a token again',
        rule: 'token controller: 20 a second (--kube-api-qps)',
        everyMs: 1000,
        otherwise: { code: 'api-refused', nextAction: 'Look at the log of kube-controller-manager, then run "rotate-ca resume".' },
      },
      async () => {
        const empty = (await secrets(site)).filter((s) => tokenOf(s) === '');
        return empty.length === 0 ? true : `${empty.length} are still empty`;
      },
    );
  },

  async undo(site, _p, checkpoint) {
    for (const { object } of checkpoint.objects) {
      const saved = object as KubeObject;
      const ref = { apiVersion: 'v1', kind: 'Secret', namespace: saved.metadata.namespace ?? '', name: saved.metadata.name };
      const now = await site.access.kube().read(ref, limitsOf(site, 15_000));
      if (now !== undefined && tokenOf(now) !== tokenOf(saved)) await site.access.kube().replace({ ...now, data: saved.data }, limitsOf(site, 15_000));
    }
  },
};

export function tokenKeyIsReplaced(inventory: Inventory): boolean {
  return nodesWith(inventory, 'control-plane').some((node) => {
    const file = (name: string): (typeof node.files)[number] | undefined => node.files.find((f) => f.path === `${pki}/${name}`);
    const signing = file('sa.pub')?.keySpki ?? file('sa.key')?.keySpki;
    const replaced = [file('ca.crt'), file('apiserver.crt')].flatMap((f) => f?.certificates.map((c) => c.spki) ?? []);
    return signing !== undefined && replaced.includes(signing);
  });
}

function secrets(site: Site): Promise<KubeObject[]> {
  return site.access.kube().list({ apiVersion: 'v1', kind: 'Secret', fieldSelector: 'type=kubernetes.io/service-account-token' }, limitsOf(site, 15_000));
}

function tokenOf(secret: KubeObject): string {
  return (secret.data as Record<string, string> | undefined)?.token ?? '';
}

/** A token names its key in the header: kid. Those of a run before carry another one than the key that signs now. */
function isSignedBefore(site: Site, secret: KubeObject): boolean {
  const token = Buffer.from(tokenOf(secret), 'base64').toString('utf8');
  if (token === '') return false;
  const kid = keyIdOf(token);
  const replaced = nodesWith(site.inventory, 'control-plane').flatMap((n) => n.files.filter((f) => f.path === `${pki}/sa.pub`).map((f) => f.keySpki ?? ''));
  return replaced.some((spki) => Buffer.from(spki, 'hex').toString('base64url') === kid);
}

/** undefined for what is no JWT: somebody keeps something else under this type, and it is left alone. */
function keyIdOf(token: string): string | undefined {
  try {
    return (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString('utf8')) as { kid?: string }).kid;
  } catch {
    return undefined;
  }
}
