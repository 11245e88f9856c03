/** What somebody who rotates this cluster has: the environment of a shell, an age key, a state folder, and a plan. */

import { generateIdentity, identityToRecipient } from 'age-encryption';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '../../src/domain/plan/plan.js';
import { labEnvironment } from '../access/environment.js';
import { runCommand } from '../command.js';
import type { Lab } from '../lab.js';
import { type Ended, runProgram, type Running, startProgram } from './program.js';

export interface Operator {
  readonly folder: string;
  readonly stateDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly identityFile: string;
  readonly recipient: string;
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Running;
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  /** `rotate-ca plan --out`: the file and what is in it. Throws if it does not end with 0. */
  plan(name: string, options?: { readonly playbook?: string /** Edges that may break. */; readonly accept?: readonly string[] }): Promise<{ file: string; plan: Plan }>;
}

/** An operator with nothing done yet; what was left in the folder by an earlier test is removed. */
export async function newOperator(lab: Lab, scenario: string): Promise<Operator> {
  const folder = scenarioFolder(lab, scenario);
  await unmountBelow(folder);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const identity = await generateIdentity();
  const identityFile = join(folder, 'identity.txt');
  const recipient = await identityToRecipient(identity);
  writeFileSync(identityFile, `# public key: ${recipient}\n${identity}\n`, { mode: 0o600 });
  return operatorOf(lab, folder, recipient);
}

/** The operator of a scenario that has ended on this cluster, with its state. */
export function operatorAgain(lab: Lab, scenario: string): Operator {
  const folder = scenarioFolder(lab, scenario);
  const identityFile = join(folder, 'identity.txt');
  return operatorOf(lab, folder, /^# public key: (age1\S+)$/m.exec(existsSync(identityFile) ? readFileSync(identityFile, 'utf8') : '')?.[1] ?? '');
}

/** Where a scenario keeps its logs and figures. Removed by `lab down`. */
export function scenarioFolder(lab: Lab, scenario: string): string {
  return join(lab.paths.log, 'tests', scenario);
}

/** A test that was killed may have left a file system of its own there. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ').slice(1, 2));
  for (const mountPoint of mounts.filter((path) => path.startsWith(`${folder}/`))) await runCommand('umount', ['--lazy', mountPoint]);
}

function operatorOf(lab: Lab, folder: string, recipient: string): Operator {
  const stateDir = join(folder, 'state');
  const identityFile = join(folder, 'identity.txt');
  const env = { ...labEnvironment(lab), ROTATE_CA_STATE_DIR: stateDir, ROTATE_CA_RECIPIENTS: recipient, ROTATE_CA_IDENTITY: identityFile };
  const invocation = (args: readonly string[], more: Readonly<Record<string, string>> = {}) => ({ args, env: { ...env, ...more }, logFile: join(folder, 'rotate-ca.log') });
  return {
    folder,
    stateDir,
    env,
    identityFile,
    recipient,
    start: (args, more) => startProgram(invocation(args, more)),
    run: (args, more) => runProgram(invocation(args, more)),
    async plan(name, { playbook, accept = [] } = {}) {
      const file = join(folder, `${name}.plan.json`);
      const planned = await runProgram(
        invocation(['plan', ...(playbook === undefined ? [] : ['--playbook', playbook]), ...accept.flatMap((edge) => ['--accept-break', edge]), '--name', name, '--out', file]),
      );
      if (planned.code !== 0) throw new Error(`rotate-ca plan ended with ${planned.code}: ${planned.said} ${JSON.stringify(planned.failures)}`);
      return { file, plan: JSON.parse(readFileSync(file, 'utf8')) as Plan };
    },
  };
}
