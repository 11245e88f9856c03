import { describe, expect, it } from 'vitest';
import type { ComponentRecord } from '../../domain/cluster/inventory.js';
import type { Site } from '../../ports/step-kind.js';
import { manifestDifferences, otherFiles, podDifferences } from './pods.js';

const manifest = (flags: string): string => `kind: Pod\nmetadata: {name: scheduler}\nspec:\n  containers:\n  - image: any\n    command: [kube-scheduler, ${flags}]\n`;

describe('manifestDifferences', () => {
  it.each<[string, string, Readonly<Record<string, string>>, string[]]>([
    ['none', manifest('--a=b, --c'), { a: 'b', c: 'true' }, []],
    ['none where the kubelet fills something in', manifest('--a=$(POD_IP)'), { a: '10.0.0.1' }, []],
    ['another value', manifest('--a=b'), { a: 'c' }, ['it runs with --a=c and would start with --a=b']],
    ['one on each side', manifest('--a=b'), { c: 'd' }, ['it runs with no --a and would start with --a=b', 'it runs with --c=d and would start with no --c']],
    ['it is no manifest', 'a: 1\n', { a: 'b' }, ['there is no container in it']],
  ])('%s', (_, text, running, expected) => {
    expect(manifestDifferences(text, running)).toEqual(expected);
  });
});

it('a file that is another in the pod, or not on the node, is told', () => {
  const mounted = new Map(Object.entries({ '/same': 'aa', '/other': 'aa', '/image': 'aa' }));
  expect(otherFiles({ mounted, onDisk: new Map(Object.entries({ '/same': 'aa', '/other': 'bb', '/host': 'aa' })) })).toEqual(['/other', '/image']);
});

describe('a pod of the API', () => {
  const site = { target: 'm1', inventory: { nodes: [{ name: 'm1', files: [] }] }, shell: { must: () => Promise.resolve('') }, now: () => 0, deadlineAtMs: 1000 } as unknown as Site;
  it.each<[ComponentRecord['name'], string[]]>([
    ['kube-controller-manager', ['layout-unsupported']],
    ['kube-scheduler', []],
    ['kube-apiserver', []],
  ])('%s', async (name, codes) => {
    expect((await podDifferences(site, { name, version: '', flags: {}, pod: {} })).map(({ code }) => code)).toEqual(codes);
  });
});
