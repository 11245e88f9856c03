import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

const size = 2 ** 20;
const script = `import { exitWith } from ${JSON.stringify(new URL('./exit-with.ts', import.meta.url).href)};
process.stdout.on('error', () => undefined);
process.stdout.write('x'.repeat(${size}));
await exitWith(3);`;

const start = () => spawn(process.execPath, ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
type Child = ReturnType<typeof start>;
const codeOf = (child: Child): Promise<number | null> => new Promise((resolve) => child.once('close', resolve));

describe('the end of the process', () => {
  it('comes after a reader that is slow has taken everything', async () => {
    const child = start();
    const ended = codeOf(child);
    let taken = 0;
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      taken += chunk.length;
      await sleep(5);
    }
    expect({ code: await ended, taken }).toEqual({ code: 3, taken: size });
  });

  it('does not wait for a reader that is gone', async () => {
    const child = start();
    const ended = codeOf(child);
    child.stdout.destroy();
    expect(await ended).toBe(3);
  });
});
