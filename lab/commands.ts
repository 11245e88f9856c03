import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { asExports, labEnvironment } from './access/environment.js';
import { type ClusterShape, defaultShape, hasNodes, type Lab, type LabPaths, labPaths, maxWorkers, openLab, readShape } from './lab.js';
import { layouts } from './layout.js';
import { withLock } from './lock.js';
import { missingRequirements } from './machine/requirements.js';
import { restoreSnapshot } from './snapshot/restore.js';
import { takeSnapshot } from './snapshot/snapshot.js';
import { labStatus, lastLines, renderStatus } from './status.js';
import { Stages } from './stages.js';
import { UsageError } from './take-layout.js';
import { joinNextWorker } from './join.js';
import { down } from './down.js';
import { up } from './up.js';

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function numberOf(text: string, option: string, allowed: (value: number) => boolean): number {
  const value = Number(text);
  if (!Number.isInteger(value) || !allowed(value)) throw new UsageError(`${option}: ${text} is not possible`);
  return value;
}

export async function upCommand(paths: LabPaths, args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      'control-planes': { type: 'string' },
      workers: { type: 'string' },
      'encryption-algorithm': { type: 'string' },
    },
  });
  const algorithm = values['encryption-algorithm'];
  const { encryptionAlgorithms } = paths.layout.release;
  if (algorithm !== undefined && !encryptionAlgorithms.includes(algorithm)) {
    throw new UsageError(`--encryption-algorithm: one of ${encryptionAlgorithms.join(', ')}`);
  }
  const wanted: Partial<ClusterShape> = {
    ...(values['control-planes'] === undefined ? {} : { controlPlanes: numberOf(values['control-planes'], '--control-planes', (n) => n === 1 || n === 3) }),
    ...(values.workers === undefined ? {} : { workers: numberOf(values.workers, '--workers', (n) => n >= 0 && n <= maxWorkers) }),
    ...(algorithm === undefined ? {} : { encryptionAlgorithm: algorithm }),
  };
  const shape = readShape(paths) ?? { ...defaultShape(paths.layout), ...wanted };
  const missing = await missingRequirements(paths, shape);
  if (missing.length > 0) {
    process.stderr.write(`This machine cannot carry the lab. Missing:\n${missing.map((line) => `  - ${line}\n`).join('')}`);
    return 3;
  }
  await withLock(paths, 'up', () => up(openLab({ paths, shape }), wanted, print));
  return 0;
}

export async function envCommand(paths: LabPaths, args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { output: { type: 'string', short: 'o' } } });
  const environment = labEnvironment(openLab({ paths }));
  print(values.output === 'json' ? JSON.stringify(environment, undefined, 2) : asExports(environment));
  return 0;
}

export function theOnly(args: string[], what: string): string {
  const [value, ...rest] = args;
  if (value === undefined || rest.length > 0) throw new UsageError(`give one ${what}`);
  return value;
}

/** For commands that need a lab that is there. */
function thereIsALab(paths: LabPaths): Lab {
  if (readShape(paths) === undefined) throw new Error(`there is no lab in ${paths.root}; run \`up\` first`);
  return openLab({ paths });
}

export async function snapshotCommand(paths: LabPaths, name: string): Promise<number> {
  const lab = thereIsALab(paths);
  const stages = new Stages(print);
  await withLock(lab.paths, 'snapshot', () => takeSnapshot(lab, name, stages));
  print(stages.summary());
  return 0;
}

export async function restoreCommand(paths: LabPaths, name: string): Promise<number> {
  const lab = thereIsALab(paths);
  const stages = new Stages(print);
  const started = performance.now();
  await withLock(lab.paths, 'restore', () => restoreSnapshot(lab.paths, name, stages));
  print(`restored ${name} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return 0;
}

/** What was built for all layouts lies below the root of the first. */
function standsAlone(paths: LabPaths): void {
  for (const { name } of Object.values(layouts)) {
    if (paths.root === paths.builtRoot && name !== paths.layout.name && hasNodes(labPaths(name, paths.builtRoot))) {
      throw new Error(`the nodes of layout ${name} stand on what \`--all\` would remove: run \`down --layout ${name}\` first`);
    }
  }
}

export async function downCommand(paths: LabPaths, args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { all: { type: 'boolean', default: false } } });
  const stages = new Stages(print);
  if (values.all) standsAlone(paths);
  await withLock(paths, 'down', () => down(paths, { all: values.all }, stages));
  if (values.all) rmSync(paths.root, { recursive: true, force: true });
  print(stages.summary());
  return 0;
}

export async function joinCommand(paths: LabPaths, name: string): Promise<number> {
  const lab = thereIsALab(paths);
  if (lab.layout.madeBy !== 'kubeadm') throw new UsageError(`join: a lab of layout ${lab.layout.name} has no kubeadm`);
  const stages = new Stages(print);
  await withLock(lab.paths, 'join', () => joinNextWorker(lab, name, stages));
  print(stages.summary());
  return 0;
}

export async function statusCommand(paths: LabPaths, args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { output: { type: 'string', short: 'o' } } });
  const status = await labStatus(thereIsALab(paths));
  print(values.output === 'json' ? JSON.stringify(status, undefined, 2) : renderStatus(status));
  return status.healthy ? 0 : 1;
}

/** Hands the terminal over to the real ssh, and takes its exit code. */
export async function sshCommand(paths: LabPaths, [node, ...command]: string[]): Promise<number> {
  const lab = thereIsALab(paths);
  if (node === undefined || !lab.nodes.some(({ name }) => name === node)) {
    throw new UsageError(`give one of the nodes ${lab.nodes.map(({ name }) => name).join(', ')}`);
  }
  const child = spawn('ssh', ['-F', lab.paths.sshConfig, node, ...command], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

export async function logsCommand(paths: LabPaths, [node, ...rest]: string[]): Promise<number> {
  const lab = thereIsALab(paths);
  if (rest.length > 0) throw new UsageError('give one node, or none');
  const files = readdirSync(lab.paths.log).filter((file) => node === undefined || file.startsWith(`${node}.`));
  print(lastLines(lab, files, node === undefined ? 5 : 40));
  if (node === undefined) return 0;
  return sshCommand(paths, [node, 'sudo', 'journalctl', '--no-pager', '--lines=200']);
}
