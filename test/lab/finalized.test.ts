/** After a full rotation: the outgoing key is destroyed by `finalize`, after a soak, by somebody at a terminal, and never otherwise. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { answerAtTerminal } from '../../lab/tests/at-a-terminal.js';
import { standingLab } from '../../lab/tests/fresh-lab.js';
import { operatorAgain } from '../../lab/tests/operator.js';
import { lastRotation } from '../../lab/tests/rotation-record.js';

const lab = standingLab();
const rotation = lastRotation(lab);

describe.skipIf(rotation === undefined)('finalize', () => {
  const operator = operatorAgain(lab, 'full-rotation');
  const run = rotation?.run ?? '';
  const checkpoints = join(operator.stateDir, 'runs', run, 'checkpoints');
  const copies = (): number => (existsSync(checkpoints) ? readdirSync(checkpoints).length : 0);

  it('refuses before the soak of a day is over', async () => {
    const before = copies();
    const ended = await operator.run(['finalize', run]);
    expect({ code: ended.code, codes: ended.failures.map(({ code }) => code) }).toEqual({ code: 1, codes: ['decision-refused'] });
    expect(copies()).toBe(before);
    expect(before).toBeGreaterThan(10);
  });

  it('asks nobody where nobody can answer, and destroys nothing', async () => {
    const before = copies();
    expect((await operator.run(['finalize', run, '--soak', '0s'])).code).toBe(64);
    expect(copies()).toBe(before);
  });

  it('destroys nothing when another word is typed', async () => {
    const before = copies();
    const { code, shown } = await answerAtTerminal(['finalize', run, '--soak', '0s'], operator.env, 'yes');
    expect({ code, said: /Nothing was destroyed/.test(shown) }).toEqual({ code: 0, said: true });
    expect(copies()).toBe(before);
  });

  it('destroys every copy that the run has kept, and names what is out of its reach', async () => {
    const { code, shown } = await answerAtTerminal(['finalize', run, '--soak', '0s'], operator.env, run);
    console.log(
      shown
        .split('\r\n')
        .filter((line) => /^(These|Out of reach| {2}!|Destroyed)/.test(line))
        .join('\n'),
    );
    expect({ code, destroyed: /Destroyed \d+ files/.test(shown), outOfReach: (shown.match(/^ {2}! /gm) ?? []).length >= 4 }).toEqual({
      code: 0,
      destroyed: true,
      outOfReach: true,
    });
    expect(copies()).toBe(0);
  });

  it('is done once, and there is no way back then', async () => {
    expect((await operator.run(['finalize', run, '--soak', '0s'])).failures.map(({ code }) => code)).toEqual(['decision-refused']);
    expect((await operator.run(['rollback', run, '--no-input'])).failures.map(({ code }) => code)).toEqual(['decision-refused']);
  });
});
