import { describe, expect, it } from 'vitest';
import type { Fact } from '../domain/run/facts.js';
import type { Prober, ProbeResult } from '../ports/prober.js';
import { watchApi } from './guard.js';

function watched(options: { can?: boolean; error?: Error; isWithoutApi?: () => boolean } = {}) {
  let tell: (result: ProbeResult) => void = () => undefined;
  let isProbing = false;
  const prober: Prober = {
    start(onResult) {
      tell = onResult;
      isProbing = true;
    },
    stop() {
      isProbing = false;
      return Promise.resolve();
    },
  };
  const facts: Fact[] = [];
  const errors: unknown[] = [];
  const stop = watchApi({
    prober,
    run: {
      state: () => ({ isWithoutApi: options.isWithoutApi?.() ?? false, can: () => options.can ?? true }),
      decide: (fact) => {
        if (options.error !== undefined) throw options.error;
        facts.push(fact);
      },
    },
    onError: (error) => errors.push(error),
  });
  /** `a+` : a answers; `a-` : a does not. */
  const probe = (results: string) => {
    for (const result of results.split(' ')) tell({ place: result.slice(0, -1), isOk: result.endsWith('+'), reason: result.endsWith('+') ? '' : 'ECONNREFUSED' });
  };
  return { probe, facts, errors, stop, isProbing: () => isProbing };
}

describe('watchApi', () => {
  it.each([
    ['a- a- a+ a- a-', []],
    ['a- a- a-', ['guard.tripped']],
    ['a- a- a- a- a-', ['guard.tripped']],
    ['a- b- a- b- c-', []],
    ['a- a- a- a+ a+', ['guard.tripped']],
    ['a- a- a- a+ a+ a+', ['guard.tripped', 'guard.cleared']],
    ['a- a- a- b- b- b- a+ a+ a+', ['guard.tripped']],
    ['a- a- a- b- b- b- a+ a+ a+ b+ b+ b+', ['guard.tripped', 'guard.cleared']],
    ['a- a- a- a+ a+ a+ a- a- a-', ['guard.tripped', 'guard.cleared', 'guard.tripped']],
  ])('after %s has said %j', (results, said) => {
    const { probe, facts } = watched();
    probe(results);
    expect(facts.map((fact) => fact.type)).toEqual(said);
  });

  it('says where and why', () => {
    const { probe, facts } = watched();
    probe('https://cp1:6443- https://cp1:6443- https://cp1:6443-');
    expect(facts).toMatchObject([{ failure: { code: 'api-went-away', target: 'https://cp1:6443', cause: 'ECONNREFUSED' } }]);
  });

  it('writes nothing that the run does not take', () => {
    const { probe, facts } = watched({ can: false });
    probe('a- a- a-');
    expect(facts).toEqual([]);
  });

  it('says nothing while the API is taken away on purpose, and counts anew afterwards', () => {
    let isWithoutApi = true;
    const { probe, facts } = watched({ isWithoutApi: () => isWithoutApi });
    probe('a- a- a- a-');
    isWithoutApi = false;
    probe('a- a-');
    expect(facts).toEqual([]);
    probe('a-');
    expect(facts.map((fact) => fact.type)).toEqual(['guard.tripped']);
  });

  it('writes nothing once it is stopped', async () => {
    const { probe, facts, stop, isProbing } = watched();
    await stop();
    expect(isProbing()).toBe(false);
    probe('a- a- a-');
    expect(facts).toEqual([]);
  });

  it('tells of a journal that cannot be written, and goes on', () => {
    const error = new Error('full');
    const { probe, errors } = watched({ error });
    probe('a- a- a-');
    expect(errors).toEqual([error]);
  });
});
