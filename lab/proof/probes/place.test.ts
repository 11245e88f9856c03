import { expect, it } from 'vitest';
import { successors } from './place.js';

const pod = (id: string, node: string, kin: string) => ({ id, node, kin });

it('the pod in the place of one that was rolled is of the same workload, and on the same node where there is one', () => {
  const before = [pod('proxy-1', 'a', 'proxy'), pod('proxy-2', 'b', 'proxy'), pod('dns-1', 'a', 'dns'), pod('stays', 'a', 'x'), pod('gone', 'a', 'y')];
  const after = [pod('proxy-3', 'b', 'proxy'), pod('proxy-4', 'a', 'proxy'), pod('dns-2', 'b', 'dns'), pod('stays', 'a', 'x')];
  expect([...successors(before, after)]).toEqual([
    ['proxy-1', 'proxy-4'],
    ['proxy-2', 'proxy-3'],
    ['dns-1', 'dns-2'],
  ]);
});
