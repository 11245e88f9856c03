import { expect, it } from 'vitest';
import { table } from './results.js';

it('counts what was predicted in vain, what was not predicted, and what could not be seen', () => {
  const edge = (name: string, predicted: string, observed: string) => ({ edge: name, predicted, observed, by: 'why' });
  const edges = [
    edge('a', 'hold', 'hold'),
    edge('b', 'break', 'hold'),
    edge('c', 'hold', 'break'),
    edge('d', 'latent', 'break'),
    edge('e', 'break', 'unseen'),
    edge('f', 'break', 'break'),
    edge('g', 'between', 'between'),
  ];
  const text = table([{ name: 'plan', what: '', refused: true, runEnded: 0, edges, seconds: 5 }]);
  expect(text.split('\n').map((line) => line.trim().replaceAll(/\s+/g, ' '))).toEqual([
    'plan edges broken latent between false alarms misses other unseen seconds',
    'plan 7 3 0 1 1 1 1 1 5',
    'false alarm: b: predicted break, observed hold (why)',
    'miss: c: predicted hold, observed break (why)',
    'other: d: predicted latent, observed break (why)',
    'unseen: e: predicted break, observed unseen (why)',
  ]);
});
