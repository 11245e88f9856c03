import { expect, it } from 'vitest';
import { asJson, asTable, written } from './report.js';

const report = {
  rows: [
    { measurement: 'one fact, ms', ours: 0.61234, baseline: 0.5, against: 'a bare line' },
    { measurement: 'modules', ours: 0, baseline: 0, against: 'all' },
  ],
  skipped: [{ name: 'ssh', reason: 'there is no ssh' }],
  machine: 'Node 20.20.0, 2 processors',
  seconds: 31.4,
};

it('prints ours, the baseline and their ratio in columns', () => {
  expect(asTable(report).split('\n')).toEqual([
    'measurement  |  ours | baseline | ratio | the baseline is',
    '-------------|-------|----------|-------|----------------',
    'one fact, ms | 0.612 |    0.500 |  1.22 | a bare line',
    'modules      |     0 |        0 |     - | all',
    'skipped ssh: there is no ssh',
    '',
    'Node 20.20.0, 2 processors; 31 s in all. Only the ratios are worth comparing between machines.',
  ]);
});

it('gives the same as JSON', () => {
  const json = JSON.parse(asJson(report)) as { kind: string; rows: { ratio: number | null }[] };
  expect(json.kind).toBe('Bench');
  expect(json.rows.map((row) => row.ratio)).toEqual([0.61234 / 0.5, null]);
});

it.each([
  [null, '-'],
  [3, '3'],
  [1234.5, '1235'],
  [12.345, '12.3'],
  [0.0123456, '0.0123'],
])('%s is written %s', (value, text) => {
  expect(written(value)).toBe(text);
});
