/** A node in a temporary folder for the tests of this folder, and rotate-ca's own command lines on it without SSH. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { commandLine } from '../../adapters/ssh/command-line.js';
import { createClock } from '../clock.js';
import { noFaults, type Faults } from '../faults.js';
import type { NodeSpec } from '../spec.js';
import { createStagingNode, type NodeOptions } from './create-node.js';
import { hostedShell } from './hosted-shell.js';
import type { StagingNode } from './staging-node.js';

/** Held, so that not each node of a test starts a script host. It ends with the process of the tests. */
hostedShell();

export function specOf(rest: Partial<NodeSpec> = {}): NodeSpec {
  return {
    name: 'cp1',
    roles: ['control-plane'],
    address: '127.0.0.1',
    sshPort: 0,
    tools: { openssl: true, ctr: false, crictl: false, kubeadm: false, etcdctl: false },
    leaves: [],
    flags: {},
    ...rest,
  };
}

export interface Bench {
  readonly node: StagingNode;
  readonly faults: Faults;
  /** As rotate-ca runs it, by the user "sre" through sudo. */
  run(script: string, options?: { stdin?: string; user?: string }): Promise<{ stdout: string; stderr: string; exitCode: number }>;
  /** As a person types it after `ssh sre@cp1`. */
  typed(line: string, options?: { stdin?: string; user?: string }): Promise<{ stdout: string; stderr: string; exitCode: number }>;
  close(): Promise<void>;
}

export function makeNodeBench(options: { readonly spec?: Partial<NodeSpec>; readonly owners?: NodeOptions['owners'] } = {}): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'staging-node-'));
  const faults = noFaults();
  const clock = createClock(20);
  const node = createStagingNode({ spec: specOf(options.spec), folder: join(folder, 'cp1'), clock, faults, ...(options.owners === undefined ? {} : { owners: options.owners }) });
  const typed: Bench['typed'] = async (line, { stdin = '', user = 'sre' } = {}) => {
    const done = await node.exec(line, { user, stdin: Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]), signal: AbortSignal.timeout(30_000) });
    return { stdout: done.stdout.toString('utf8'), stderr: done.stderr, exitCode: done.exitCode };
  };
  return {
    node,
    faults,
    typed,
    run: (script, { user = 'sre', ...rest } = {}) => typed(commandLine(script, { user, leftMs: 30_000, tag: 'rotate-ca-test' }), { user, ...rest }),
    async close() {
      clock.stop();
      await node.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
