import { describe, expect, it } from 'vitest';
import { rotationSteps } from './rotation-plans.js';

const names = (...of: Parameters<typeof rotationSteps>): (string | undefined)[] => rotationSteps(...of).map(({ name }) => name);

describe('the rotation made wrong', () => {
  it('has steps left out, and nobody needs them', () => {
    const steps = rotationSteps({ without: ['roll-workloads', 'volumes-trust-both'], through: 'reissue-apiserver' });
    expect(steps.map(({ name }) => name)).not.toContain('roll-workloads');
    expect(steps.at(-1)?.name).toBe('reissue-apiserver');
    expect(steps.find(({ name }) => name === 'switch-signer')).toMatchObject({ needs: ['servers-trust-both', 'kubelets-trust-both'] });
  });

  it('has a step that comes before another', () => {
    const order = names({ moved: { step: 'reissue-apiserver', before: 'admins-trust-both' }, through: 'admins-trust-both' });
    expect(order.slice(-2)).toEqual(['reissue-apiserver', 'admins-trust-both']);
  });

  it('asks for no step that there is not', () => {
    expect(() => rotationSteps({ without: ['roll'], through: 'reissue-apiserver' })).toThrow('cluster-ca has no step roll');
  });
});
