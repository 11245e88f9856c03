/** The port `journal`: the same suite over the journal on disk and the one of the tests. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openJournal } from '../src/adapters/disk/journal.js';
import type { Fact } from '../src/domain/run/facts.js';
import type { Journal } from '../src/ports/journal.js';
import { createMemoryJournal } from './support/memory-journal.js';

const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-contract-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

const now = () => Date.UTC(2026, 0, 1);
const first: Fact = { type: 'run.submitted', by: 'sre' };
const second: Fact = { type: 'run.pauseAsked', by: 'sre' };
const third: Fact = { type: 'holder.acknowledged', holder: 'alice/3fa91c02', by: 'sre' };

describe.each<[string, () => Journal]>([
  ['on disk', () => openJournal({ file: join(folder, `${files++}.jsonl`), now }).journal],
  ['in memory', () => createMemoryJournal({ now })],
])('a journal %s', (_, open) => {
  it('numbers its lines from 1 and has their time', () => {
    const journal = open();
    const line = journal.append(first);
    journal.append(second);
    expect(line).toEqual({ seq: 1, at: '2026-01-01T00:00:00.000Z', fact: first });
    expect(journal.lines().map(({ seq, fact }) => [seq, fact])).toEqual([
      [1, first],
      [2, second],
    ]);
    journal.close();
  });

  it('has a line before it tells of it, and tells everyone', () => {
    const journal = open();
    const told: [number, Fact][] = [];
    for (let listeners = 0; listeners < 2; listeners++) journal.onAppend(({ fact }) => told.push([journal.lines().length, fact]));
    journal.append(first);
    expect(told).toEqual([
      [1, first],
      [1, first],
    ]);
    journal.close();
  });

  it('tells in order when a listener appends', () => {
    const journal = open();
    const told: Fact[] = [];
    journal.onAppend(({ fact }) => {
      if (fact.type === 'run.submitted') journal.append(second);
    });
    journal.onAppend(({ fact }) => told.push(fact));
    journal.append(first);
    journal.append(third);
    expect(told).toEqual([first, second, third]);
    journal.close();
  });

  it('takes nothing once it is closed', () => {
    const journal = open();
    journal.close();
    expect(() => journal.append(first)).toThrow('closed');
  });
});
