/** A pair of key and certificate pushed to 30 hosts, checked there, and a unit restarted: our adapter beside ssh under xargs and beside Ansible, in turns. It takes minutes: only when it is asked for. */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { loadavg, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { installMissing } from '../lab/machine/packages.js';
import { makeCa } from '../src/x509/certificate-authority.js';
import { type Fleet, startFleet } from './fleet-hosts.js';
import { endPrograms, type Pair, type Push, pushOurs, pushWithAnsible, pushWithXargs, pushWithXargsAsItComes } from './fleet-sides.js';
import type { Measurement, Row, Skipped } from './measurement.js';
import { median } from './rounds.js';

const hostCount = 30;
const rounds = 3;
const shell = '/bin/dash';
const memory = '/dev/shm';
const ansibleProgram = '/usr/bin/ansible-playbook';

interface Timed {
  readonly seconds: number;
  /** Processor time on the pushing side: this process and the programs that it has waited for. The hosts' own is not in it. */
  readonly cpuSeconds: number;
}

async function run(): Promise<Row[] | Skipped> {
  if (userInfo().uid !== 0) return { skipped: 'servers that give root a shell must be started as root' };
  const why = await install('openssh-server', '/usr/sbin/sshd');
  if (why !== undefined) return { skipped: `there is no sshd: ${why}` };
  for (const program of ['setpriv', 'unshare', 'xargs', 'tar', shell]) {
    if (spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).status !== 0) return { skipped: `there is no ${program}` };
  }
  const whyNoAnsible = await install('ansible-core', ansibleProgram);
  let stop = (): void => undefined;
  const begun = (stopFleet: () => void): void => {
    stop = stopFleet;
  };
  const leave = (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void => {
    endPrograms();
    stop();
    process.exit(128 + { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }[signal]);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, leave);
  const rows: Row[] = [];
  try {
    rows.push(...(await measure(await startFleet(hostCount, shell, tmpdir(), begun), whyNoAnsible)));
    stop();
    try {
      rows.push(...(await measureInMemory(await startFleet(hostCount, shell, memory, begun))));
    } catch (error) {
      // There may be no such folder, or no program may be started from it: the other rows count all the same.
      process.stderr.write(`bench: fleet: files in memory skipped: ${error instanceof Error ? error.message : String(error)}\n`);
    }
    return rows;
  } finally {
    endPrograms();
    stop();
    for (const signal of signals) process.off(signal, leave);
  }
}

type Times = Record<'first' | 'ours' | 'xargs' | 'xargsAsItComes' | 'ansible', Timed[]>;
type Take = (side: keyof Times, push: Push) => Promise<void>;

function takeTimes(fleet: Fleet): { readonly times: Times; readonly take: Take } {
  const times: Times = { first: [], ours: [], xargs: [], xargsAsItComes: [], ansible: [] };
  return {
    times,
    take: async (side, push) => {
      const timed = await timeOf(fleet, push);
      times[side].push(timed);
      process.stderr.write(`bench: fleet ${side} ${timed.seconds.toFixed(2)} s, CPU ${timed.cpuSeconds.toFixed(2)} s, load ${loadavg()[0]?.toFixed(1)}\n`);
    },
  };
}

/** Both often and in turns, and neither always behind the same one. */
async function takeBoth(take: Take): Promise<void> {
  await take('ours', pushOurs);
  await take('xargs', pushWithXargs);
  await take('xargs', pushWithXargs);
  await take('ours', pushOurs);
}

async function measure(fleet: Fleet, whyNoAnsible: string | undefined): Promise<Row[]> {
  const { times, take } = takeTimes(fleet);
  // As in a command that has just started: nothing is compiled yet.
  await take('first', pushOurs);
  await timeOf(fleet, pushWithXargs);
  for (let round = 0; round < rounds; round++) {
    await takeBoth(take);
    await take('xargsAsItComes', pushWithXargsAsItComes);
    if (whyNoAnsible === undefined) await take('ansible', pushWithAnsible);
    await takeBoth(take);
  }
  const { first, ours, xargs, xargsAsItComes, ansible } = times;
  const rows = [
    row('s', seconds, [ours, xargs], byXargs),
    row('first time in a process, s', seconds, [first, xargs], byXargs),
    row('CPU s of the pushing side', cpuSeconds, [ours, xargs], byXargs),
    row('s', seconds, [ours, xargsAsItComes], `${byXargs}, with the key exchange that OpenSSH chooses`),
  ];
  if (whyNoAnsible !== undefined)
    return [...rows, { measurement: `fleet: ${hostCount} hosts, s`, ours: median(ours.map(seconds)), baseline: 0, against: `Ansible skipped: ${whyNoAnsible}` }];
  const beside = row('s', seconds, [ours, ansible], byAnsible);
  return [
    ...rows,
    beside,
    row('CPU s of the pushing side', cpuSeconds, [ours, ansible], byAnsible),
    { measurement: `fleet: ${hostCount} hosts, times as fast as the baseline`, ours: beside.baseline / beside.ours, baseline: 1, against: byAnsible },
  ];
}

/** Only we sync what we write, and 30 hosts have not one disk together: here nobody waits for it. */
async function measureInMemory(fleet: Fleet): Promise<Row[]> {
  const { times, take } = takeTimes(fleet);
  await timeOf(fleet, pushOurs);
  await timeOf(fleet, pushWithXargs);
  for (let round = 0; round < 2 * rounds; round++) await takeBoth(take);
  return [row('files in memory, s', seconds, [times.ours, times.xargs], byXargs)];
}

const byXargs = 'tar | ssh, xargs -P 8';
const byAnsible = 'ansible-playbook -f 50, pipelining';
const seconds = (timed: Timed): number => timed.seconds;
const cpuSeconds = (timed: Timed): number => timed.cpuSeconds;

function row(what: string, of: (timed: Timed) => number, [ours, baseline]: readonly [readonly Timed[], readonly Timed[]], against: string): Row {
  return { measurement: `fleet: ${hostCount} hosts, ${what}`, ours: median(ours.map(of)), baseline: median(baseline.map(of)), against };
}

/** One push of a new pair, looked at afterwards: who is fast because it left out a host has not won. */
async function timeOf(fleet: Fleet, push: Push): Promise<Timed> {
  const pair = await newPair();
  const unitsBefore = fleet.hosts.map(fleet.unitPid);
  const [cpuBefore, started] = [cpuSecondsUntilNow(), performance.now()];
  await push(fleet, pair);
  const timed = { seconds: (performance.now() - started) / 1000, cpuSeconds: cpuSecondsUntilNow() - cpuBefore };
  fleet.dropSessions();
  for (const [n, host] of fleet.hosts.entries()) {
    const [key, certificate] = [join(host.folder, 'tls.key'), join(host.folder, 'tls.crt')];
    const isThere = readFileSync(key).equals(pair.key.reveal()) && readFileSync(certificate, 'utf8') === pair.certificatePem;
    const modes = [key, certificate].map((file) => (statSync(file).mode & 0o7777).toString(8)).join();
    if (!isThere || modes !== '600,644') throw new Error(`${host.name} does not hold the pair (modes ${modes})`);
    if (fleet.unitPid(host) === unitsBefore[n]) throw new Error(`the unit of ${host.name} was not restarted`);
  }
  return timed;
}

async function newPair(): Promise<Pair> {
  const now = Date.now();
  const { keyPem, certificatePem } = await makeCa({ subject: { commonName: 'bench' }, notBeforeMs: now, notAfterMs: now + 3_600_000 });
  return { key: keyPem, certificatePem };
}

function cpuSecondsUntilNow(): number {
  const { user, system } = process.cpuUsage();
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
  // cutime and cstime in ticks; USER_HZ is 100 on Linux.
  return (user + system) / 1e6 + ((fields[13] ?? 0) + (fields[14] ?? 0)) / 100;
}

/** Installs a Debian package if its program is missing. Returns why it could not be had. */
async function install(name: string, program: string): Promise<string | undefined> {
  if (existsSync(program)) return undefined;
  try {
    await installMissing(new Map([[name, program]]), join(tmpdir(), 'rotate-ca-bench-packages.log'), (line) => process.stderr.write(`bench: fleet: ${line}\n`));
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}

export const fleetMeasurement: Measurement = { name: 'fleet', run, onlyWhenAsked: true };
