import { describe, expect, it } from 'vitest';
import type { MemberConnection } from './member-connection.js';
import { poolMembers } from './member-pool.js';

function connection(healthy: boolean, why = '', stopped: string[] = []): MemberConnection {
  return { healthy, why, wait: () => Promise.resolve(healthy), stop: () => void stopped.push(why) };
}

describe('several members', () => {
  it.each([
    ['none serves', [false, false], false],
    ['one serves', [false, true, false], true],
    ['all serve', [true, true], true],
  ])('%s', async (_, members, expected) => {
    const pool = poolMembers(members.map((healthy) => connection(healthy, 'no')));
    expect(pool.healthy).toBe(expected);
    expect(await pool.wait(1)).toBe(expected);
  });

  it('tell why one does not, and are all left at the end', () => {
    const stopped: string[] = [];
    const pool = poolMembers([connection(true, 'a', stopped), connection(false, 'b', stopped)]);
    expect(pool.why).toBe('b');
    pool.stop();
    expect(stopped).toEqual(['a', 'b']);
  });
});
