import { describe, expect, it } from 'vitest';
import { dirtyMiBIn, jiffiesIn, type Look, unrestOf, untilQuiet } from './quiet.js';

const quiet: Look = { busy: 0.3, dirtyMiB: 1, unready: [] };
const busy: Look = { ...quiet, busy: 0.95 };

describe('a quiet machine', () => {
  it.each<[string, Partial<Look>, string]>([
    ['nothing', {}, ''],
    ['processors', { busy: 0.95 }, 'processors are 95 % busy'],
    ['the disk', { dirtyMiB: 300 }, '300 MiB are not on the disk yet'],
    ['pods', { unready: ['felt/felt-go-1'] }, 'not Ready: felt/felt-go-1'],
  ])('is kept from it by %s', (_, part, unrest) => {
    expect(unrestOf({ ...quiet, ...part })).toBe(unrest);
  });

  it.each<[string, readonly Look[], string]>([
    ['three looks in a row', [quiet, quiet, quiet], 'quiet after 6 s'],
    ['not two, and one', [quiet, quiet, busy, quiet, quiet, quiet], 'quiet after 12 s'],
    ['never', Array<Look>(60).fill(busy), "NOT quiet after 120 s: processors are 95 % busy; probes that fail now may be the machine's"],
  ])('is waited for: %s', async (_, looks, line) => {
    let at = 0;
    const look = (): Promise<Look> => Promise.resolve(looks[at++] ?? busy);
    expect(await untilQuiet(look, () => at * 2_000)).toBe(line);
    expect(at).toBe(looks.length);
  });

  it('is read from /proc', () => {
    expect(jiffiesIn('cpu  10 1 5 80 4 0 0 0 3 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n')).toEqual({ busy: 16, all: 100 });
    expect(dirtyMiBIn('MemTotal:  100 kB\nDirty:              2048 kB\nWriteback:          1024 kB\nWritebackTmp:          9 kB\n')).toBe(3);
  });
});
