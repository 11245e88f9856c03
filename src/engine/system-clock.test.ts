import { describe, expect, it } from 'vitest';
import { systemClock } from './system-clock.js';

const interrupted = expect.objectContaining({ code: 'interrupted' }) as Error;

describe('systemClock', () => {
  it('waits', async () => {
    const before = systemClock.now();
    await systemClock.wait(5, { signal: new AbortController().signal });
    await systemClock.wait(0);
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  });

  it('ends a wait early when the signal is raised, also one that outlasts a timer', async () => {
    const controller = new AbortController();
    const wait = systemClock.wait(10 ** 12, { signal: controller.signal });
    controller.abort();
    await expect(wait).rejects.toThrow(interrupted);
    await expect(systemClock.wait(10, { signal: controller.signal })).rejects.toThrow(interrupted);
  });
});
