import { expect, it } from 'vitest';
import type { Unit, UnitFacts } from './staging-node.js';
import { type JobVerb, runJobs } from './unit-jobs.js';

/** Units that write down when each job begins and ends; each takes a turn of the event loop or two. */
function world(units: Readonly<Record<string, { active: boolean; after?: readonly string[]; fails?: string }>>): {
  readonly told: string[];
  readonly units: ReadonlyMap<string, Unit>;
} {
  const told: string[] = [];
  const made = Object.entries(units).map(([name, { active, after = [], fails }]): [string, Unit] => {
    let isActive = active;
    const act = async (what: string, then: boolean): Promise<void> => {
      told.push(`${what} ${name}`);
      await new Promise((resolve) => setImmediate(resolve));
      isActive = then;
      told.push(`${what}ed ${name}`);
    };
    const facts = (): UnitFacts => ({ activeState: isActive ? 'active' : 'inactive', subState: '', after }) as unknown as UnitFacts;
    return [
      name,
      {
        facts,
        start: async () => {
          await act('start', fails === undefined);
          if (fails !== undefined) throw new Error(fails);
        },
        stop: () => act('stop', false),
        isActive: () => isActive,
        mainPid: () => 0,
        log: () => [],
      },
    ];
  });
  return { told, units: new Map(made) };
}

it.each<[string, JobVerb, Parameters<typeof world>[0], string[]]>([
  ['start all at once', 'start', { a: { active: false }, b: { active: false } }, ['start a', 'start b', 'started a', 'started b']],
  ['leave alone what runs', 'start', { a: { active: true }, b: { active: false } }, ['start b', 'started b']],
  ['start after what they are after', 'start', { api: { active: false, after: ['etcd'] }, etcd: { active: false } }, ['start etcd', 'started etcd', 'start api', 'started api']],
  [
    'stop the other way round, and start again',
    'restart',
    { etcd: { active: true }, api: { active: true, after: ['etcd', 'network.target'] } },
    ['stop api', 'stoped api', 'stop etcd', 'stoped etcd', 'start etcd', 'started etcd', 'start api', 'started api'],
  ],
  ['start what a restart finds stopped', 'restart', { a: { active: false } }, ['start a', 'started a']],
  ['do not wait for each other in a circle', 'start', { a: { active: false, after: ['b'] }, b: { active: false, after: ['a'] } }, ['start b', 'started b', 'start a', 'started a']],
])('jobs %s', async (_, verb, given, expected) => {
  const { told, units } = world(given);
  expect((await runJobs(verb, units)).size).toBe(0);
  expect(told).toEqual(expected);
});

it('a job that fails does not end those behind it', async () => {
  const { told, units } = world({ etcd: { active: false, fails: 'because of this' }, api: { active: false, after: ['etcd'] } });
  expect([...(await runJobs('start', units))]).toEqual([['etcd', 'because of this']]);
  expect(told.at(-1)).toBe('started api');
});
