import { describe, expect, it } from 'vitest';
import { OutageCount, secondsAway } from './api-outage.js';

const line = (t: number, target: string, ok: boolean, who = 'outgoing'): string => JSON.stringify({ t, class: who, target, kind: 'fresh', ok, ms: 10 });

function count(...lines: string[]): ReturnType<OutageCount['end']> {
  const counted = new OutageCount();
  for (const one of lines) counted.read(one);
  return counted.end();
}

describe('outages of the API', () => {
  it('last from the last answer to any client until the next to any', () => {
    const { outages, sent, failed } = count(line(0, 'lb', true), line(100, 'lb', false), line(5_000, 'lb', true, 'incoming'), line(5_100, 'lb', false));
    expect(outages).toEqual([{ target: 'lb', kind: 'fresh', fromMs: 10, ms: 5_000 }]);
    expect({ sent, failed }).toEqual({ sent: 4, failed: 2 });
  });

  it('are none where one client is refused and another let in', () => {
    expect(count(line(0, 'lb', true), line(500, 'lb', false), line(900, 'lb', true, 'incoming')).outages).toEqual([]);
  });

  it('go on to the end of the log where no answer comes again', () => {
    expect(count(line(0, 'lb', true), line(0, 'm1', true), line(4_000, 'lb', false), line(4_000, 'm1', true)).outages).toEqual([
      { target: 'm1', kind: 'fresh', fromMs: 10, ms: 4_000 },
      { target: 'lb', kind: 'fresh', fromMs: 10, ms: 4_000 },
    ]);
  });

  it('are there where no answer ever came', () => {
    expect(count(line(0, 'lb', false), line(2_000, 'lb', false)).outages).toEqual([{ target: 'lb', kind: 'fresh', fromMs: 0, ms: 2_010 }]);
  });

  it('are added up by what was asked, for a stretch of time', () => {
    const away = count(line(0, 'lb', true), line(2_000, 'lb', true), line(9_000, 'lb', true), '{"t":1,"event":"class.added","text":"x"}', line(0, 'm1', true));
    expect([...secondsAway(away)]).toEqual([
      ['fresh lb', 8.99 + 0.01],
      ['fresh m1', 9.0],
    ]);
    expect(secondsAway(away, 1_000).get('fresh lb')).toBe(7);
  });
});
