import { describe, expect, it } from 'vitest';
import { planTokenSecrets } from './token-secrets.js';

describe('a plan of token Secrets', () => {
  it('puts ten into a namespace, under names of their own', () => {
    const plan = planTokenSecrets({ count: 25 });
    expect(plan.namespaces.map(({ metadata }) => metadata.name)).toEqual(['tokens-1', 'tokens-2', 'tokens-3']);
    const names = plan.secrets.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    expect(new Set(names).size).toBe(25);
    expect(names.at(-1)).toBe('tokens-3/token-5');
  });

  it('puts as many into a namespace as is wished', () => {
    const { namespaces, secrets } = planTokenSecrets({ count: 300, perNamespace: 30 });
    expect([namespaces.length, secrets.length, secrets.at(-1)?.metadata.name]).toEqual([10, 300, 'token-30']);
  });

  it('is empty for none', () => {
    expect(planTokenSecrets({ count: 0 })).toEqual({ namespaces: [], accounts: [], secrets: [] });
  });
});
