import { waitFor } from '../deadline.js';
import type { Lab } from '../lab.js';
import { applyObjects, getJson, type KubeObject } from './kube-objects.js';

const label = 'rotate-ca.lab/token-secrets';

export interface TokenSecretPlan {
  readonly namespaces: readonly KubeObject[];
  readonly accounts: readonly KubeObject[];
  readonly secrets: readonly KubeObject[];
}

export interface TokenSecretWish {
  readonly count: number;
  /** Ten unless told. */
  readonly perNamespace?: number;
}

export const tokenHolder = 'holder';

/** Legacy token Secrets of an account of their namespace: each is a copy of the CA that a rotation has to reach. */
export function planTokenSecrets({ count, perNamespace = 10 }: TokenSecretWish): TokenSecretPlan {
  const names = Array.from({ length: Math.ceil(count / perNamespace) }, (_, index) => `tokens-${index + 1}`);
  return {
    namespaces: names.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    accounts: names.map((namespace) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: tokenHolder, namespace } })),
    secrets: Array.from({ length: count }, (_, index) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: `token-${(index % perNamespace) + 1}`,
        namespace: names[Math.floor(index / perNamespace)] ?? '',
        labels: { [label]: 'true' },
        annotations: { 'kubernetes.io/service-account.name': tokenHolder },
      },
      type: 'kubernetes.io/service-account-token',
    })),
  };
}

interface SecretList {
  readonly items: readonly { readonly data?: Readonly<Record<string, string>> }[];
}

/** Makes the Secrets and waits until the token controller has filled all of them. */
export async function createTokenSecrets(lab: Lab, wish: TokenSecretWish): Promise<void> {
  const { count } = wish;
  const plan = planTokenSecrets(wish);
  // In this order: a token Secret whose account is not there is deleted by the token controller.
  await applyObjects(lab, plan.namespaces);
  await applyObjects(lab, plan.accounts);
  await applyObjects(lab, plan.secrets);
  await waitFor(`${count} token Secrets to be filled`, { timeoutMs: 600_000, everyMs: 1000 }, async () => {
    const { items } = await getJson<SecretList>(lab, ['secrets', '--all-namespaces', '-l', label]);
    const filled = items.filter(({ data }) => data?.token !== undefined && data['ca.crt'] !== undefined).length;
    return filled >= count ? true : `${filled} are`;
  });
}
