import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { isWithin, listenersIn } from './listening.js';

// 127.76 is before the blocks of staging clusters.
const server = `require('node:net').createServer().listen(0, '127.76.0.2', function () { console.log(this.address().port) })`;

it('names who listens in a block, with the process', async () => {
  const here = createServer().listen(0, '127.76.0.1');
  await once(here, 'listening');
  const child = spawn(process.execPath, ['-e', server], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const address = here.address();
  const listeners = listenersIn(new Set(['76']));
  expect(listeners).toContainEqual({ at: `127.76.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`, pid: process.pid });
  expect(listeners).toContainEqual({ at: `127.76.0.2:${line.toString().trim()}`, pid: child.pid });
  expect(isWithin(child.pid ?? 0, process.pid)).toBe(true);
  expect(isWithin(process.pid, child.pid ?? 0)).toBe(false);
  child.kill();
  await once(child, 'exit');
  here.close();
  expect(listenersIn(new Set(['75']))).toEqual([]);
});
