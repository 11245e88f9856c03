/** One rehearsal of a topology, from its start to the end of the run, in a process of its own that is its engine. Arguments: topology, and "start" to leave out the run. Prints JSON. */

import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface ScaleFigures {
  readonly startMs: number;
  readonly startCpuMs: number;
  /** Peak of resident memory of the staging process, MB: after its start, and at the end. */
  readonly startMb: number;
  readonly stagingMb: number;
  /** undefined: the run was left out. */
  readonly run?: {
    readonly state: string;
    /** Of the step at which it ended. */
    readonly endedAt: string;
    /** Scan and planning. */
    readonly planMs: number;
    readonly ms: number;
    readonly engineCpuMs: number;
    readonly engineMb: number;
    readonly stagingCpuMs: number;
    /** Processor time of the scripts that ran on the nodes, and of the process that starts them. */
    readonly scriptsCpuMs: number;
    readonly probes: number;
    readonly failedProbes: number;
  };
}

// As it is built: from the sources both processes would carry a compiler along.
const load = async <T>(path: string): Promise<T> => (await import(new URL(`../dist/${path}`, import.meta.url).href)) as T;
const { startStagingProcess } = await load<typeof import('../src/app/rehearse-process.js')>('app/rehearse-process.js');
const { rehearse } = await load<typeof import('../src/app/rehearse.js')>('app/rehearse.js');
const { specSomewhere } = await load<typeof import('../src/staging/topology.js')>('staging/topology.js');

const speed = 20;
// As the command line does: one signal ends hundreds of waits.
setMaxListeners(0);
/** Of /proc/PID/stat: USER_HZ is 100 on Linux. */
const msPerTick = 10;

function cpuOf(pid: number): { readonly ownMs: number; readonly childrenMs: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
  return { ownMs: (user + system) * msPerTick, childrenMs: (childUser + childSystem) * msPerTick };
}

/** Scripts are children of the script host, and count there when they have ended. */
function scriptsMsOf(pid: number): number {
  const hosts = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number).filter(Boolean);
  return hosts.map(cpuOf).reduce((sum, { ownMs, childrenMs }) => sum + ownMs + childrenMs, 0);
}

function peakMbOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

const [topology = 'small', mode] = process.argv.slice(2);
const controller = new AbortController();
process.on('SIGTERM', () => controller.abort());
const spec = await specSomewhere(topology, { uid: randomUUID(), nowMs: Date.now() });
const staging = await startStagingProcess({ spec, speed, signal: controller.signal });
try {
  const start = { startMs: staging.started.tookMs, startCpuMs: cpuOf(staging.pid).ownMs, startMb: peakMbOf(staging.pid) };
  if (staging.started.notReady.length > 0) throw new Error(`after its start: ${staging.started.notReady.join('; ')}`);
  const run = mode === 'start' ? undefined : await runOver();
  const figures: ScaleFigures = { ...start, stagingMb: peakMbOf(staging.pid), ...(run === undefined ? {} : { run }) };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
} finally {
  await staging.stop();
}
process.exit(0);

async function runOver(): Promise<NonNullable<ScaleFigures['run']>> {
  const [before, scriptsBefore, engineBefore, startedAt] = [cpuOf(staging.pid), scriptsMsOf(staging.pid), process.cpuUsage(), performance.now()];
  let planMs = 0;
  let endedAt = '';
  const rehearsal = await rehearse({
    staging,
    playbookFile: fileURLToPath(new URL('../playbooks/cluster-ca.yaml', import.meta.url)),
    speed,
    env: process.env,
    name: 'bench',
    by: 'bench',
    signal: controller.signal,
    interrupts: { onPause: () => undefined, onLeave: (listener) => controller.signal.addEventListener('abort', listener) },
    onPlan: () => {
      planMs = performance.now() - startedAt;
    },
    onLine: ({ fact }) => {
      if ('step' in fact && typeof fact.step === 'string') endedAt = fact.step;
    },
    onWarning: () => undefined,
  });
  const [after, scripts, engine] = [cpuOf(staging.pid), scriptsMsOf(staging.pid), process.cpuUsage(engineBefore)];
  const { sent, failed } = rehearsal.availability.total();
  return {
    state: String(rehearsal.view.value),
    endedAt,
    planMs,
    ms: rehearsal.tookMs,
    engineCpuMs: (engine.user + engine.system) / 1000,
    engineMb: process.resourceUsage().maxRSS / 1024,
    stagingCpuMs: after.ownMs - before.ownMs,
    scriptsCpuMs: scripts - scriptsBefore,
    probes: sent,
    failedProbes: failed,
  };
}
