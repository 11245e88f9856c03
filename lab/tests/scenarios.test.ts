import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { drawOne } from '../../src/domain/draw.js';
import { byLayout, drawScenarios, mayTakeMinutes, type Scenario, scenarios } from './scenarios.js';

const names = (drawn: ReturnType<typeof drawScenarios>): string[] => drawn.chosen.map(({ name }) => name);
const always = scenarios.filter(({ minutes, isAlways }) => minutes <= 1 || isAlways === true).length;
const drawable = scenarios.filter(({ onlyAskedFor }) => onlyAskedFor === undefined);
const seeds = Array.from({ length: 200 }, (_, n) => `commit ${n}`);

describe('scenarios', () => {
  it('have files that exist', () => {
    const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
    expect(scenarios.flatMap(({ files }) => files).filter((file) => file.includes('/') && !existsSync(join(root, file)))).toEqual([]);
  });

  it('are drawn alike by the same commit', () => {
    expect(seeds.map((seed) => names(drawScenarios(scenarios, seed, 20)))).toEqual(seeds.map((seed) => names(drawScenarios(scenarios, seed, 20))));
  });

  it('fit the budget, but for the one that is always in', () => {
    for (const seed of seeds) {
      const { chosen } = drawScenarios(scenarios, seed, 20);
      const minutes = chosen.reduce((sum, one) => sum + one.minutes, 0);
      expect(minutes <= 20 || chosen.length <= always + 1).toBe(true);
      expect(chosen.length).toBeGreaterThan(always);
    }
  });

  it.each([
    ['as measured', 1, 20],
    ['half as slow again', 1.5, 30],
    ['faster than measured', 0.5, 20],
  ])('need room to spare on a machine that is %s', (_, slowness, minutes) => {
    expect(mayTakeMinutes({ name: 'a', layout: 'any', files: [], what: '', minutes: 10 }, slowness)).toBe(minutes);
  });

  it('all have their turn', () => {
    const drawn = new Set(seeds.flatMap((seed) => names(drawScenarios(scenarios, seed, 20))));
    expect([...drawn].sort()).toEqual(drawable.map(({ name }) => name).sort());
  });

  it('that are only asked for are never drawn, change nothing of the draw, and are said to be left', () => {
    for (const seed of seeds) expect(names(drawScenarios(scenarios, seed, 20))).toEqual(names(drawScenarios(drawable, seed, 20)));
    const left = drawScenarios(scenarios, 'x', Number.POSITIVE_INFINITY).left.map(({ name }) => name);
    expect(left).toEqual(['release-1.30', 'load-policies-1.30']);
  });

  it('are all chosen where there is time enough, and what is not chosen is said', () => {
    const total = scenarios.reduce((sum, { minutes }) => sum + minutes, 0);
    expect(drawScenarios(drawable, 'x', total).left).toEqual([]);
    const little = drawScenarios(scenarios, 'x', 1);
    expect([...little.chosen, ...little.left].length).toBe(scenarios.length);
    expect(little.chosen.length).toBe(always + 1);
  });

  it('are drawn of both layouts, now and then of one only', () => {
    const drawn = new Set(seeds.map((seed) => [...byLayout(drawScenarios(scenarios, seed, 20).chosen).keys()].join(' ')));
    expect([...drawn].sort()).toEqual(['kubeadm hard-way proof', 'kubeadm proof']);
  });

  it('that need no cluster run beside the first that does', () => {
    const named = (...wanted: string[]): Scenario[] => scenarios.filter(({ name }) => wanted.includes(name));
    const sorted = (...wanted: string[]): string[] => [...byLayout(named(...wanted))].map(([layout, of]) => `${layout}: ${of.map(({ name }) => name).join(' ')}`);
    expect(sorted('vault', 'keep', 'hard-way-killed')).toEqual(['hard-way: vault keep hard-way-killed']);
    expect(sorted('vault', 'refused', 'hard-way-killed')).toEqual(['kubeadm: vault refused', 'hard-way: hard-way-killed']);
    expect(sorted('vault')).toEqual(['kubeadm: vault']);
  });

  it('draws one of a few', () => {
    expect(new Set(seeds.map((seed) => drawOne(seed, 'step', ['a', 'b', 'c']))).size).toBe(3);
  });
});
