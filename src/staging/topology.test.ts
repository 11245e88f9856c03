import { describe, expect, it } from 'vitest';
import type { RotationError } from '../domain/errors.js';
import { specOfTopology } from './topology.js';

const place = { block: 77, uid: 'uid', nowMs: Date.UTC(2026, 0, 1) };

describe('specOfTopology', () => {
  it.each([
    ['small', 1, 1],
    ['ha', 3, 3],
    ['3+200', 3, 200],
    ['1+1000', 1, 1000],
  ])('%s: %i control planes, %i workers, each at an address of its own', (topology, controlPlanes, workers) => {
    const { nodes } = specOfTopology(topology, place);
    const count = (role: string): number => nodes.filter(({ roles }) => roles.some((one) => one === role)).length;
    expect([count('control-plane'), count('worker')]).toEqual([controlPlanes, workers]);
    expect(new Set(nodes.map(({ address }) => address)).size).toBe(nodes.length);
    expect(nodes.every(({ address }) => /^127\.77\.\d{1,3}\.\d{1,3}$/.test(address) && address.split('.').every((part) => Number(part) < 255))).toBe(true);
    expect(nodes.filter(({ via }) => via !== undefined)).toHaveLength(1);
  });

  it.each([
    ['hard-way', 3, 2],
    ['hard-way:1+1', 1, 1],
    ['hard-way:ha', 3, 3],
  ])('%s: made by hand, %i masters, %i workers', (topology, masters, workers) => {
    const spec = specOfTopology(topology, place);
    expect(spec.layout).toBe('hard-way');
    expect(spec.nodes.map(({ name }) => name)).toEqual([
      ...Array.from({ length: masters }, (_, i) => `master${i + 1}`),
      ...Array.from({ length: workers }, (_, i) => `worker${i + 1}`),
    ]);
    // Who lives on a token Secret has an account; a pod that has none never asks.
    expect(spec.workloads.filter(({ tokenSecret }) => tokenSecret !== undefined && tokenSecret !== '').length).toBeGreaterThan(5);
  });

  it.each(['', 'big', 'hard-way:', 'hard-way:2+1', 'hardway', '2+3', '3+0', '3+1001', '3+-1', '3 + 3', '0+1'])('"%s" is refused with what is allowed', (topology) => {
    try {
      specOfTopology(topology, place);
      expect.unreachable();
    } catch (error) {
      const [failure] = (error as RotationError).failures;
      expect(failure).toMatchObject({ code: 'usage', target: '--topology' });
      expect(failure?.nextAction).toMatch(/"small" \(1\+1\), "ha" \(3\+3\) or CONTROLPLANES\+WORKERS/);
    }
  });
});
