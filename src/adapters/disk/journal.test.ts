import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RotationError, failure } from '../../domain/errors.js';
import type { Fact } from '../../domain/run/facts.js';
import type { Journal } from '../../ports/journal.js';
import { encodeLine, noPredecessor, parseJournal, sha256 } from './journal-lines.js';
import { openJournal, readJournal } from './journal.js';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rotate-ca-journal-'));
  file = join(folder, 'journal.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const now = (): number => Date.UTC(2026, 10, 23, 13, 0, 0);
const facts: Fact[] = [
  { type: 'run.opened', run: 'r1', planDigest: 'd', tool: '0.1.0', cluster: 'u' },
  { type: 'run.submitted', by: 'ärgerlich "quoted"\n' },
  { type: 'step.marked', step: 'a', target: 'cp1', mark: 'applying', attempt: 1, checkpoint: { ref: 'a@cp1@1.age', sha256: '00' } },
  { type: 'step.failed', step: 'a', phase: 'apply', direction: 'forward', failures: [failure('ssh-lost', { target: 'cp1', summary: 's', nextAction: 'n' })] },
  { type: 'run.pauseAsked', by: 'sre' },
];

function write(all: readonly Fact[]): void {
  const { journal } = openJournal({ file, now });
  for (const fact of all) journal.append(fact);
  journal.close();
}

function read(): { facts: Fact[]; tornTail?: string } {
  const { journal, ...rest } = openJournal({ file, now });
  journal.close();
  return { facts: journal.lines().map((l) => l.fact), ...rest };
}

function refusal(work: () => unknown): RotationError {
  try {
    work();
  } catch (error) {
    if (error instanceof RotationError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('openJournal', () => {
  it('gives back what was appended, with sequence and time', () => {
    write(facts.slice(0, 2));
    write(facts.slice(2));
    const { journal, tornTail } = openJournal({ file, now });
    expect(tornTail).toBeUndefined();
    expect(journal.lines()).toEqual(facts.map((fact, i) => ({ seq: i + 1, at: '2026-11-23T13:00:00.000Z', fact })));
    expect(readJournal(file)).toEqual(journal.lines());
    expect(statSync(file).mode & 0o777).toBe(0o600);
    journal.close();
  });

  it('chains each line to the bytes of the one before', () => {
    write(facts);
    const raw = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(JSON.parse(raw[0] ?? '').prev).toBe(noPredecessor);
    for (const [i, line] of raw.slice(1).entries()) expect(JSON.parse(line).prev).toBe(sha256(raw[i] ?? ''));
  });

  it('tells listeners after the line is on disk, in order, also when one of them appends', () => {
    const { journal } = openJournal({ file, now });
    const told: string[] = [];
    journal.onAppend((line) => {
      if (line.seq === 1) journal.append({ type: 'guard.cleared' });
    });
    journal.onAppend((line) => told.push(`${line.seq} of ${readJournal(file).length}`));
    journal.append(facts[0] as Fact);
    expect(told).toEqual(['1 of 2', '2 of 2']);
    journal.close();
  });

  it.each([
    ['half a line', '{"v":1,"seq":6,"at":"20'],
    [
      'a line without newline',
      encodeLine({ seq: 6, at: '2026-11-23T13:00:00.000Z', fact: { type: 'guard.cleared' } }, '')
        .toString()
        .trimEnd(),
    ],
    ['a line that is no JSON', '{"v":1,"seq":\n'],
    ['zeros, as file systems leave after a power cut', '\0'.repeat(40)],
  ])('cuts off %s, says so and keeps it', (_name, tail) => {
    write(facts);
    const whole = readFileSync(file);
    appendFileSync(file, tail);
    expect(readJournal(file)).toHaveLength(5);
    const opened = read();
    expect(opened.facts).toEqual(facts);
    expect(opened.tornTail).toContain(`${tail.length} bytes`);
    expect(readFileSync(`${file}.torn-6`, 'utf8')).toBe(tail);
    expect(readFileSync(file)).toEqual(whole);
    appendFileSync(file, tail);
    read();
    expect(readFileSync(`${file}.torn-6-2`, 'utf8')).toBe(tail);
    write([{ type: 'guard.cleared' }]);
    expect(read().facts).toEqual([...facts, { type: 'guard.cleared' }]);
  });

  const editing: [string, (lines: string[]) => string[], string, string][] = [
    ['a line that is gone', (l) => l.toSpliced(1, 1), ':2:', 'sequence number is 3'],
    ['two lines exchanged', (l) => [l[0], l[2], l[1], ...l.slice(3)] as string[], ':2:', 'sequence'],
    ['an edited line', (l) => l.with(1, (l[1] ?? '').replace('quoted', 'QUOTED')), ':2:', 'checksum'],
    ['an edited last line', (l) => l.with(4, (l[4] ?? '').replace('sre', 'eve')), ':5:', 'checksum'],
    [
      'an edited line with a new checksum',
      (l) =>
        l.with(
          1,
          encodeLine({ seq: 2, at: new Date(now()).toISOString(), fact: { type: 'run.submitted', by: 'eve' } }, sha256(l[0] ?? ''))
            .toString()
            .trimEnd(),
        ),
      ':3:',
      'hash chain',
    ],
    ['a broken middle', (l) => l.with(2, '{'), ':3:1', 'no JSON object'],
    ['an empty line', (l) => l.toSpliced(2, 0, ''), ':3:1', 'no JSON object'],
    ['a later version', (l) => l.with(0, (l[0] ?? '').replace('{"v":1', '{"v":2')), ':1:2', 'newer'],
    ['no version', (l) => l.with(0, (l[0] ?? '').replace('{"v":1,', '{')), ':1:', 'version is undefined'],
    [
      'a line that is no fact',
      () => [
        encodeLine({ seq: 1, at: '2026-11-23T13:00:00.000Z', fact: 7 as unknown as Fact }, noPredecessor)
          .toString()
          .trimEnd(),
      ],
      ':1:',
      'no fact',
    ],
    [
      'a wrong time',
      () => [
        encodeLine({ seq: 1, at: 'noon', fact: { type: 'guard.cleared' } }, noPredecessor)
          .toString()
          .trimEnd(),
      ],
      ':1:',
      'ISO 8601',
    ],
  ];
  it.each(editing)('refuses %s', (_name, edit, place, cause) => {
    write(facts);
    writeFileSync(file, `${edit(readFileSync(file, 'utf8').trimEnd().split('\n')).join('\n')}\n`);
    const before = readFileSync(file);
    const error = refusal(() => openJournal({ file, now }));
    expect(error.code).toBe('journal-broken');
    expect(error.failures[0]?.target).toContain(`${file}${place}`);
    expect(error.failures[0]?.cause).toContain(cause);
    expect(error.failures[0]?.nextAction).toContain('Restore');
    expect(readFileSync(file)).toEqual(before);
  });

  it('names a journal that is not there', () => {
    expect(refusal(() => readJournal(file)).code).toBe('run-unknown');
  });

  it('refuses facts with key material as a defect, and names the place only', () => {
    const { journal } = openJournal({ file, now });
    const fact: Fact = { type: 'note', step: 'a', target: 'cp1', message: 'token abcdef.0123456789abcdef' };
    expect(() => journal.append(fact)).toThrow(/^defect: a fact "note" holds a secret \(bootstrap token\) at \/message/);
    expect(() => journal.append(fact)).not.toThrow(/0123456789/);
    expect(journal.lines()).toEqual([]);
    expect(readFileSync(file, 'utf8')).toBe('');
    journal.close();
  });
});

describe('any damage', () => {
  const sample = (): Buffer => {
    write(facts);
    return readFileSync(file);
  };

  it('of the length: opens with a prefix of its facts', () => {
    const bytes = sample();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length }), (length) => {
        writeFileSync(file, bytes.subarray(0, length));
        const got = read();
        expect(got.facts).toEqual(facts.slice(0, got.facts.length));
        expect(got.tornTail === undefined).toBe(bytes.subarray(0, length).equals(readFileSync(file)));
        for (const torn of readdirSync(folder).filter((f) => f.includes('.torn-'))) rmSync(join(folder, torn));
      }),
      { numRuns: 400 },
    );
  });

  it('of one byte: is refused, or costs the last line and no other', () => {
    const bytes = sample();
    const outcomes = { refused: 0, torn: 0 };
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ mask;
        try {
          const got = parseJournal(flipped, file);
          expect(got.validBytes).toBeLessThan(flipped.length);
          expect(got.lines.map((l) => l.fact)).toEqual(facts.slice(0, got.lines.length));
          expect(got.lines.length).toBeGreaterThanOrEqual(facts.length - 2);
          outcomes.torn++;
        } catch (error) {
          if (!(error instanceof RotationError)) throw error;
          expect(error.code).toBe('journal-broken');
          outcomes.refused++;
        }
      }),
      { numRuns: 5000 },
    );
    expect(outcomes.refused).toBeGreaterThan(outcomes.torn);
  });

  it('is not done by any text in a fact', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 }), (messages) => {
        rmSync(file, { force: true });
        const notes: Fact[] = messages.map((message) => ({ type: 'note', step: 's', target: 't', message }));
        write(notes);
        expect(read().facts).toEqual(notes);
      }),
      { numRuns: 60 },
    );
  });
});

it('keeps up: an append takes a millisecond of the processor or so, besides what the disk takes', () => {
  const { journal }: { journal: Journal } = openJournal({ file, now });
  const before = process.cpuUsage();
  for (let i = 0; i < 200; i++) journal.append({ type: 'guard.cleared' });
  const { user, system } = process.cpuUsage(before);
  journal.close();
  expect((user + system) / 1000 / 200).toBeLessThan(50);
});
