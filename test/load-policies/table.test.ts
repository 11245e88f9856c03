/** What docs/load-policies.md calls proved has an experiment, and every experiment is about a row that there is. */

import { describe, expect, it } from 'vitest';
import { loadPolicyTable } from '../../src/domain/trust/load-policy-table.js';
import { releases } from '../../lab/release.js';
import { behaviours } from '../fidelity/table.js';
import { experiments, rowsOfBehaviours } from './table.js';

describe.each(Object.values(releases))('experiments on $version', (release) => {
  const minor = Number(release.name.split('.')[1]);
  const all = experiments(release);
  const claimed = [...all.flatMap(({ rows }) => rows), ...Object.values(rowsOfBehaviours).flat()];
  const holds = ({ since = 0, until = Number.POSITIVE_INFINITY }: { since?: number; until?: number }): boolean => since <= minor && minor <= until;

  it('have ids of their own', () => {
    expect(new Set([...all, ...behaviours].map(({ id }) => id)).size).toBe(all.length + behaviours.length);
  });

  it('are about rows of the table', () => {
    const unknown = claimed.filter(([component, input]) => !loadPolicyTable.some((row) => row.component === component && row.inputs.includes(input) && holds(row)));
    expect(unknown).toEqual([]);
    expect(Object.keys(rowsOfBehaviours).filter((id) => !behaviours.some((behaviour) => behaviour.id === id))).toEqual([]);
  });

  it('are there for every row that is called proved on the release', () => {
    const proved = loadPolicyTable.filter(({ provedOn, component }) => provedOn.includes(component === 'etcd' ? etcdOf[release.name] : release.name));
    const without = proved.filter((row) => !claimed.some(([component, input]) => row.component === component && row.inputs.includes(input)));
    expect(without.map(({ component, inputs }) => `${component} ${inputs.join()}`)).toEqual([]);
    expect(proved.filter((row) => !holds(row))).toEqual([]);
  });
});

const etcdOf = { '1.34': '3.6', '1.30': '3.5' } as const;
