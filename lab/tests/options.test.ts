import { describe, expect, it } from 'vitest';
import { readOptions } from './options.js';

describe('options of the lab tests', () => {
  it('has twenty minutes by default', () => {
    expect(readOptions([])).toEqual({ all: false, layout: undefined, budgetMinutes: 20, withinMinutes: Number.POSITIVE_INFINITY, only: [] });
  });

  it('takes all, a budget, and names', () => {
    expect(readOptions(['--all', '--budget', '1h', '--within', '90s', '--only', 'refused'])).toMatchObject({
      all: true,
      budgetMinutes: 60,
      withinMinutes: 1.5,
      only: [{ name: 'refused' }],
    });
  });

  it('takes a layout', () => {
    expect(readOptions(['--layout', 'hard-way', '--only', 'hard-way-killed', '--only', 'vault'])).toMatchObject({
      layout: 'hard-way',
      only: [{ name: 'vault' }, { name: 'hard-way-killed' }],
    });
  });

  it.each([
    [['--budget', 'soon'], /--budget/],
    [['--within', '1'], /--within/],
    [['--only', 'nothing'], /no such scenario: nothing/],
    [['--layout', 'easy'], /no such layout: easy/],
    [['--layout', 'hard-way', '--only', 'refused'], /another layout than hard-way: refused/],
    [['--frobnicate'], /frobnicate/],
    [['stray'], /stray/],
  ])('refuses %j', (args, message) => {
    expect(readOptions(args)).toMatch(message);
  });
});
