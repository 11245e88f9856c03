/** What starts must not wait for: the Kubernetes client takes 0.6 s and 60 MB to load (docs/bench.md), and only a cluster needs it; Graphviz is 1.2 MB, and only a picture needs it. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCli } from './support/cli.js';

const recorder = new URL('../bench/record-start.mjs', import.meta.url).href;

it.each([
  ['main', ['--help'], 'commander'],
  ['main', ['plan', '--help'], 'commander'],
  ['main', ['graph', '--help'], 'commander'],
  ['main', ['rehearse', '--help'], 'commander'],
  // A wrong topology is said before any cluster is there.
  ['start', ['--topology', '2+2'], 'commander'],
] as const)('%s %j loads neither the Kubernetes client nor Graphviz', async (program, args, needed) => {
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-modules-'));
  const file = join(folder, 'modules');
  const { code } = await runCli([...args], { program, env: { NODE_OPTIONS: `--import=${recorder}`, RECORD_MODULES: file } });
  const loaded = readFileSync(file, 'utf8').split('\n');
  rmSync(folder, { recursive: true });
  expect(code).toBe(program === 'start' ? 64 : 0);
  // The record works: what is needed is in it.
  expect(loaded.some((url) => url.includes(`/node_modules/${needed}/`))).toBe(true);
  expect(loaded.filter((url) => url.includes('/node_modules/@kubernetes/client-node/') || url.includes('/node_modules/@viz-js/'))).toEqual([]);
});
