/** The journal: what a durable, chained fact costs beside a bare durable line, and what the replay of a long run costs. */

import { closeSync, constants, fdatasyncSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openJournal, readJournal } from '../src/adapters/disk/journal.js';
import { encodeLine, noPredecessor, sha256 } from '../src/adapters/disk/journal-lines.js';
import type { Fact, Mark } from '../src/domain/run/facts.js';
import { advance, untouched } from '../src/domain/run/progress.js';
import type { Measurement, Row } from './measurement.js';
import { inTurns, processorTimeOf } from './rounds.js';

const factsOfARound = 40;
const replayed = 10_000;
const marks: readonly Mark[] = ['checkpointed', 'applying', 'applied', 'verified'];

/** The facts of a run of 20 steps on 125 nodes: four marks for each. */
function longRun(): Fact[] {
  return Array.from({ length: replayed }, (_, n) => ({
    type: 'step.marked',
    step: `step-${Math.floor(n / 500)}`,
    target: `node-${n % 125}`,
    mark: marks[Math.floor(n / 125) % 4] ?? 'verified',
    attempt: 1,
  }));
}

function writeLongRun(file: string): number {
  let prev = noPredecessor;
  const lines = longRun().map((fact, n) => {
    const bytes = encodeLine({ seq: n + 1, at: new Date(0).toISOString(), fact }, prev);
    prev = sha256(bytes.subarray(0, -1));
    return bytes;
  });
  writeFileSync(file, Buffer.concat(lines));
  return lines[0]?.length ?? 0;
}

async function run(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-bench-journal-'));
  const long = join(folder, 'long.jsonl');
  const bytesOfALine = writeLongRun(long);
  const { journal } = openJournal({ file: join(folder, 'ours.jsonl'), now: Date.now });
  const bare = openSync(join(folder, 'bare'), constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600);
  const line = Buffer.alloc(bytesOfALine, 'x');
  const [fact] = longRun();
  if (fact === undefined) throw new Error('a run without facts');
  try {
    const appended = await inTurns(
      () => {
        for (let n = 0; n < factsOfARound; n++) journal.append(fact);
      },
      () => {
        for (let n = 0; n < factsOfARound; n++) {
          writeSync(bare, line);
          fdatasyncSync(bare);
        }
      },
      { rounds: 9 },
    );
    const replay = await inTurns(
      () => readJournal(long).reduce((progress, { fact: one }) => advance(progress, one), untouched),
      () => readJournal(long),
      { rounds: 5, by: processorTimeOf },
    );
    return [
      {
        measurement: 'journal: append one fact, ms',
        ours: appended.ours / factsOfARound,
        baseline: appended.baseline / factsOfARound,
        against: `O_APPEND and fdatasync of ${bytesOfALine} bytes`,
      },
      { measurement: 'journal: read, check and replay 10,000 facts, CPU ms', ours: replay.ours, baseline: replay.baseline, against: 'the same without advance()' },
    ];
  } finally {
    journal.close();
    closeSync(bare);
    rmSync(folder, { recursive: true, force: true });
  }
}

export const journalMeasurement: Measurement = { name: 'journal', run };
