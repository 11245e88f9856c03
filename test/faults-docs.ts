/** Writes the table of docs/faults.md anew from a real run: `rotate-ca rehearse --faults all -o json > run.jsonl`, then `tsx test/faults-docs.ts run.jsonl`. */

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CaseResult } from '../src/app/faults/fault-case.js';

interface Recorded {
  readonly kind: string;
  readonly seed: string;
  readonly tookMs: number;
  readonly steps: readonly string[];
  readonly faults: readonly string[];
  readonly results: readonly CaseResult[];
}

const marks = ['<!-- the table: made by test/faults-docs.ts -->', '<!-- end of the table -->'] as const;
const [, , recordFile = ''] = process.argv;
const page = join(dirname(fileURLToPath(import.meta.url)), '..', 'docs', 'faults.md');
const record = readFileSync(recordFile, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Recorded)
  .find(({ kind }) => kind === 'FaultTable');
if (record === undefined) throw new Error(`${recordFile} holds no FaultTable`);

const letters: Readonly<Record<CaseResult['outcome'], string>> = { succeeded: 's', recovered: 'r', halted: 'h', 'rolled-back': 'b', untouched: '·', wrong: '**X**' };
const of = (fault: string, step: string): CaseResult | undefined => record.results.find((one) => one.fault === fault && one.step === step);
const cell = (text: string): string =>
  text
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replaceAll(/\s*\n\s*/g, ' ');
const counts = Object.keys(letters).flatMap((outcome) => {
  const count = record.results.filter((one) => one.outcome === outcome).length;
  return count === 0 ? [] : [`${count} ${outcome}`];
});
/** Addresses and digests are of one run. */
const general = (text: string): string => text.replaceAll(/127\.\d+\./g, '127.N.').replaceAll(/\b[0-9a-f]{16,}\b/g, '…');
const told = record.results.filter(({ outcome }) => outcome === 'halted' || outcome === 'recovered' || outcome === 'rolled-back' || outcome === 'wrong');

const text = [
  `Seed ${record.seed}, ${record.results.length} cases in ${Math.round(record.tookMs / 60_000)} min: ${counts.join(', ')}.`,
  '',
  `| fault | ${record.steps.map((_, index) => index + 1).join(' | ')} |`,
  `|---|${record.steps.map(() => '---|').join('')}`,
  ...record.faults.map((fault) => `| \`${fault}\` | ${record.steps.map((step) => letters[of(fault, step)?.outcome ?? 'untouched']).join(' | ')} |`),
  '',
  record.steps.map((step, index) => `${index + 1} \`${step}\``).join(', '),
  '',
  '| fault | step | at | outcome | what the run said |',
  '|---|---|---|---|---|',
  ...told.map(({ fault, step, place, outcome, reason }) => `| ${fault} | ${step} | ${place} | ${outcome} | ${cell(general(reason)).slice(0, 240)} |`),
].join('\n');

const document = readFileSync(page, 'utf8');
const [begin, end] = marks.map((mark) => document.indexOf(mark));
if (begin === undefined || end === undefined || begin < 0 || end < begin) throw new Error('docs/faults.md has no place for the table');
writeFileSync(page, `${document.slice(0, begin)}${marks[0]}\n\n${text}\n\n${document.slice(end)}`);
