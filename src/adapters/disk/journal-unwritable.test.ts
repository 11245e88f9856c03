/** The disk journal where the disk does not do what it should: full, read-only, a file that is gone. */

import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RotationError } from '../../domain/errors.js';
import type { Fact } from '../../domain/run/facts.js';
import { openJournal } from './journal.js';

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
  { type: 'run.submitted', by: 'sre' },
];

function refusal(work: () => unknown): RotationError {
  try {
    work();
  } catch (error) {
    if (error instanceof RotationError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a journal that cannot be written', () => {
  it.each([
    ['was removed', () => unlinkSync(file), 'removed'],
    ['was written by another', () => appendFileSync(file, '{}\n'), 'another process'],
  ])('is noticed when it %s', (_name, meddle, cause) => {
    const { journal } = openJournal({ file, now });
    journal.append(facts[0] as Fact);
    meddle();
    for (const fact of facts.slice(0, 2)) {
      const error = refusal(() => journal.append(fact));
      expect(error.code).toBe('journal-unwritable');
      expect(error.failures[0]?.cause).toContain(cause);
    }
    expect(journal.lines()).toHaveLength(1);
    journal.close();
    expect(() => journal.append(facts[0] as Fact)).toThrow('closed');
  });

  it('is refused where its folder is a file', () => {
    writeFileSync(join(folder, 'x'), '');
    expect(refusal(() => openJournal({ file: join(folder, 'x', 'j'), now })).code).toBe('journal-unwritable');
  });

  it.skipIf(process.getuid?.() === 0)('is refused where its folder is read-only', () => {
    chmodSync(folder, 0o500);
    expect(refusal(() => openJournal({ file, now })).code).toBe('journal-unwritable');
  });

  // A process of its own appends until it is refused, then prints what the error said and what the file holds.
  const filler = `
    import { openJournal } from './src/adapters/disk/journal.ts';
    const [file] = process.argv.slice(-1);
    const { journal } = openJournal({ file, now: Date.now });
    let error;
    try { for (let i = 0; i < 1000; i++) journal.append({ type: 'note', step: 's', target: 't', message: 'x'.repeat(700) }); } catch (e) { error = e; }
    const written = journal.lines().length;
    let small = 0;
    try { while (small < 1000) { journal.append({ type: 'guard.cleared' }); small++; } } catch {}
    journal.close();
    const again = openJournal({ file, now: Date.now });
    console.log(JSON.stringify({ code: error?.code, cause: error?.failures?.[0]?.cause, written, small, read: again.journal.lines().length, torn: again.tornTail ?? '' }));`;
  const node = `exec '${process.execPath}' --import tsx --input-type=module -e "$FILLER" -- `;

  function fill(script: string): { code: string; cause: string; written: number; small: number; read: number; torn: string } {
    const done = spawnSync('sh', ['-c', script], { env: { ...process.env, FILLER: filler, FOLDER: folder }, encoding: 'utf8' });
    expect(done.stderr).toBe('');
    return JSON.parse(done.stdout);
  }

  it('takes a partial line back when the file may not grow, and is readable after', () => {
    const got = fill(`ulimit -f 8; ${node} "$FOLDER/j"`);
    expect(got).toMatchObject({ code: 'journal-unwritable', cause: 'EFBIG: the file would exceed the size limit', torn: '' });
    expect(got.written).toBeGreaterThan(2);
    expect(got.read).toBe(got.written + got.small);
  }, 120_000);

  const mayMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', '/mnt']).status === 0;
  it.skipIf(!mayMount).each([['full', 'true', 'ENOSPC: no space left on the device']])(
    'takes a partial line back on a %s disk',
    (_name, before, cause) => {
      const got = fill(`unshare -m sh -c 'mount -t tmpfs -o size=16k tmpfs "$FOLDER" && ${before} && ${node.replaceAll("'", '"')} "$FOLDER/j"'`);
      expect(got).toMatchObject({ code: 'journal-unwritable', cause, torn: '' });
      expect(got.written).toBeGreaterThan(5);
      expect(got.read).toBe(got.written + got.small);
    },
    120_000,
  );

  it.skipIf(!mayMount)(
    'is refused at once on a read-only disk',
    () => {
      const script = `import { openJournal } from './src/adapters/disk/journal.ts'; try { openJournal({ file: process.argv.at(-1), now: Date.now }); } catch (e) { console.log(e.message); }`;
      const done = spawnSync(
        'unshare',
        ['-m', 'sh', '-c', `mount -t tmpfs -o ro tmpfs "${folder}" && "${process.execPath}" --import tsx --input-type=module -e "$S" -- "${file}"`],
        { env: { ...process.env, S: script }, encoding: 'utf8' },
      );
      expect(done.stdout).toContain('EROFS: the file system is read-only');
    },
    120_000,
  );
});
