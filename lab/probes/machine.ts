/** A control of the measurement: how long an ordinary process waits for a processor, and a write for the disk, beside the probers. */

import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import type { Lab } from '../lab.js';
import { buildProber } from './build.js';

/** A wait for something of the machine: when it began, in ms since the epoch, and how long it took. */
export interface Stall {
  readonly t: number;
  readonly what: 'processor' | 'disk';
  readonly ms: number;
}

export interface MachineWatch {
  /** Ends it; the stalls that it saw. */
  end(): Promise<Stall[]>;
}

const everyMs = 50;
/** Shorter ones are what a busy machine always has. */
const leastMs = 200;

/** Watches the disk on which the members of etcd write, and the processors, as a process without a head start. */
export async function watchMachine(lab: Lab, outDir: string): Promise<MachineWatch> {
  const program = await buildProber(lab);
  const log = join(outDir, 'machine.jsonl');
  rmSync(log, { force: true });
  const configFile = join(outDir, 'machine.json');
  writeFileAtomically(configFile, `${JSON.stringify({ log, diskFile: join(outDir, 'machine.disk'), everyMs, leastMs })}\n`);
  const messages = openSync(join(outDir, 'machine.log'), 'w');
  // Should we be killed, its standard input closes and it ends.
  const child = spawn(program, ['machine', configFile], { stdio: ['pipe', messages, messages], detached: true });
  closeSync(messages);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(String(error)));
    child.once('exit', (code, signal) => resolve(code === 0 ? '' : `exit ${code ?? signal}`));
  });
  return {
    async end() {
      child.stdin?.end();
      const trouble = await ended;
      if (trouble !== '') throw new Error(`the control of the machine ended by itself: ${trouble}; see ${join(outDir, 'machine.log')}`);
      return existsSync(log) ? parseStalls(readFileSync(log, 'utf8')) : [];
    },
  };
}

export function parseStalls(text: string): Stall[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Stall);
}
