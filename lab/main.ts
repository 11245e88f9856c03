import { parseArgs } from 'node:util';
import { asExports, labEnvironment } from './access/environment.js';
import { type ClusterShape, defaultShape, type Lab, labPaths, maxWorkers, openLab, readShape } from './lab.js';
import { withLock } from './lock.js';
import { missingRequirements } from './machine/requirements.js';
import { restoreSnapshot } from './snapshot/restore.js';
import { takeSnapshot } from './snapshot/snapshot.js';
import { Stages } from './stages.js';
import { up } from './up.js';

const usage = `usage: npm run lab -- COMMAND

  up [--control-planes 1|3] [--workers N] [--encryption-algorithm RSA-2048|RSA-3072|RSA-4096|ECDSA-P256]
                     make the lab, or what is missing of it
  down [--all]       remove it; --all: also what was built
  status [-o json]   what runs, and what does not
  env [-o json]      the variables that a user's shell would have
  ssh NODE [CMD...]  a shell on a node, or one command
  logs [NODE]        the lab's log files, or a node's journal
  snapshot NAME      keep the state of all nodes and of Vault
  restore NAME       go back to it
  join NODE          add one more worker, with a fresh token
`;

/** Exit codes: 1 it failed, 2 wrong usage, 3 this machine cannot carry the lab. */
class UsageError extends Error {}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function numberOf(text: string, option: string, allowed: (value: number) => boolean): number {
  const value = Number(text);
  if (!Number.isInteger(value) || !allowed(value)) throw new UsageError(`${option}: ${text} is not possible`);
  return value;
}

async function upCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      'control-planes': { type: 'string' },
      workers: { type: 'string' },
      'encryption-algorithm': { type: 'string' },
    },
  });
  const wanted: Partial<ClusterShape> = {
    ...(values['control-planes'] === undefined
      ? {}
      : { controlPlanes: numberOf(values['control-planes'], '--control-planes', (n) => n === 1 || n === 3) }),
    ...(values.workers === undefined ? {} : { workers: numberOf(values.workers, '--workers', (n) => n >= 0 && n <= maxWorkers) }),
    ...(values['encryption-algorithm'] === undefined ? {} : { encryptionAlgorithm: values['encryption-algorithm'] }),
  };
  const paths = labPaths();
  const shape = readShape(paths) ?? { ...defaultShape, ...wanted };
  const missing = await missingRequirements(paths, shape);
  if (missing.length > 0) {
    process.stderr.write(`This machine cannot carry the lab. Missing:\n${missing.map((line) => `  - ${line}\n`).join('')}`);
    return 3;
  }
  await withLock(paths, 'up', () => up(openLab({ paths, shape }), wanted, print));
  return 0;
}

function envCommand(lab: Lab, args: string[]): number {
  const { values } = parseArgs({ args, options: { output: { type: 'string', short: 'o' } } });
  const environment = labEnvironment(lab);
  print(values.output === 'json' ? JSON.stringify(environment, undefined, 2) : asExports(environment));
  return 0;
}

function theOnly(args: string[], what: string): string {
  const [value, ...rest] = args;
  if (value === undefined || rest.length > 0) throw new UsageError(`give one ${what}`);
  return value;
}

/** For commands that need a lab that is there. */
function thereIsALab(): Lab {
  const paths = labPaths();
  if (readShape(paths) === undefined) throw new Error(`there is no lab in ${paths.root}; run \`up\` first`);
  return openLab({ paths });
}

async function snapshotCommand(name: string): Promise<number> {
  const lab = thereIsALab();
  const stages = new Stages(print);
  await withLock(lab.paths, 'snapshot', () => takeSnapshot(lab, name, stages));
  print(stages.summary());
  return 0;
}

async function restoreCommand(name: string): Promise<number> {
  const lab = thereIsALab();
  const stages = new Stages(print);
  const started = performance.now();
  await withLock(lab.paths, 'restore', () => restoreSnapshot(lab.paths, name, stages));
  print(`restored ${name} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return 0;
}

async function main([command, ...args]: string[]): Promise<number> {
  switch (command) {
    case 'up':
      return upCommand(args);
    case 'snapshot':
      return snapshotCommand(theOnly(args, 'name'));
    case 'restore':
      return restoreCommand(theOnly(args, 'name'));
    case 'env':
      return envCommand(openLab(), args);
    default:
      throw new UsageError(command === undefined ? 'no command' : `no such command: ${command}`);
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const wrongUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n${wrongUsage ? `\n${usage}` : ''}`);
  process.exitCode = wrongUsage ? 2 : 1;
}
