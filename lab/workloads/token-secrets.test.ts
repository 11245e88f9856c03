import { describe, expect, it } from 'vitest';
import { planTokenSecrets } from './token-secrets.js';

describe('a plan of token Secrets', () => {
  it('puts ten into a namespace, under names of their own', () => {
    const plan = planTokenSecrets(25);
    expect(plan.namespaces.map(({ metadata }) => metadata.name)).toEqual(['tokens-1', 'tokens-2', 'tokens-3']);
    const names = plan.secrets.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    expect(new Set(names).size).toBe(25);
    expect(names.at(-1)).toBe('tokens-3/token-5');
  });

  it('is empty for none', () => {
    expect(planTokenSecrets(0)).toEqual({ namespaces: [], accounts: [], secrets: [] });
  });
});
