/** A service of systemd on a node: started with what its unit file and environment files say at that moment, and started again when it exits. */

import { parseFlags } from '../../domain/cluster/flags.js';
import type { Components, RunningComponent, StagingContext } from '../component.js';
import type { StagingNode, StagingProcess, Unit } from '../node/staging-node.js';
import { argumentsOf, splitWords } from './command-line.js';
import { readEnvironmentFile } from './environment-file.js';
import { type LoadedUnit, loadUnit } from './unit-file.js';

export interface Service extends Unit {
  /** Ends in ".service". */
  readonly name: string;
  /** How often its program was started so far. */
  readonly starts: number;
}

export interface ServiceOptions {
  readonly context: StagingContext;
  readonly node: StagingNode;
  /** Without ".service". */
  readonly name: string;
  /** By the last element of the program's path. What is not known runs, and does nothing. */
  readonly components: Components;
}

type State = 'dead' | 'start' | 'running' | 'stop-sigterm' | 'auto-restart' | 'failed';

const activeStates: Readonly<Record<State, string>> = {
  dead: 'inactive',
  start: 'activating',
  running: 'active',
  'stop-sigterm': 'deactivating',
  'auto-restart': 'activating',
  failed: 'failed',
};

/** In the words of systemctl that follow "Job for NAME failed". */
const why = {
  exit: 'because the control process exited with error code',
  timeout: 'because a timeout was exceeded',
  resources: 'because of unavailable resources or another system error',
} as const;

const keptLines = 300;
const ends = ['TERM', 'KILL', 'INT', 'QUIT', 'ABRT', 'HUP'];
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin';

/** Nothing runs before `start`. The unit is loaded now, as at boot. */
export function createService(options: ServiceOptions): Service {
  const { context, node } = options;
  const { clock } = context;
  const name = `${options.name}.service`;
  const lines: string[] = [];
  let unit = loadUnit(node, name);
  let state: State = 'dead';
  let result = 'success';
  let restarts = 0;
  let starts = 0;
  let life: { readonly process: StagingProcess; end(): Promise<void> } | undefined;
  let cancelRestart: () => void = () => undefined;
  let job: Promise<void> | undefined;

  function log(by: string, pid: number, text: string): void {
    const at = new Date(clock.now() + node.skewMs);
    const stamp = `${at.toLocaleString('en-US', { month: 'short', timeZone: 'UTC' })} ${String(at.getUTCDate()).padStart(2, '0')} ${at.toISOString().slice(11, 19)}`;
    lines.push(`${stamp} ${node.name} ${by}[${pid}]: ${text}`);
    if (lines.length > keptLines) lines.splice(0, lines.length - keptLines);
  }

  /** Each start reads the environment files anew. Throws for one that is missing. */
  function environmentOf(loaded: LoadedUnit): Record<string, string> {
    const account = loaded.user === '' ? {} : { USER: loaded.user, LOGNAME: loaded.user, SHELL: '/bin/sh' };
    const read = loaded.environmentFiles.map(({ path, mayBeMissing }) => {
      const text = node.read(path)?.bytes.toString('utf8');
      if (text === undefined && !mayBeMissing) throw new Error('Failed to load environment files: No such file or directory');
      return readEnvironmentFile(text ?? '');
    });
    return Object.assign({ LANG: 'C.UTF-8', PATH: defaultPath, ...account }, loaded.environment, ...read) as Record<string, string>;
  }

  /** Rejects with what systemctl says. Type=simple is started as soon as its process is there, Type=notify when it has told so. */
  async function launch(): Promise<void> {
    if (unit === undefined || !node.isOn) throw new Error(why.resources);
    const loaded = unit;
    let environment: Record<string, string>;
    let args: readonly string[];
    try {
      environment = environmentOf(loaded);
      args = argumentsOf(loaded.execStart, environment, { unit: name, host: node.name });
      if (args[0] === undefined) throw new Error('Service has no ExecStart=');
    } catch (error) {
      log('systemd', 1, `${name}: ${textOf(error)}`);
      failed('resources', loaded);
      throw new Error(why.resources, { cause: error });
    }
    starts += 1;
    const program = (args[0] ?? '').split('/').at(-1) ?? '';
    const user = accountOf(node, loaded.user);
    const process = node.start({ name: program, args, cgroup: `/system.slice/${name}`, environment, ...(user === undefined ? {} : { user }) });
    const isNotify = loaded.type === 'notify';
    state = isNotify ? 'start' : 'running';
    let told: (problem: string | undefined) => void = () => undefined;
    const started = new Promise<string | undefined>((resolve) => {
      told = resolve;
    });
    let running: RunningComponent | undefined;
    let isEnding = false;

    const over = (reason: string): void => {
      if (isEnding) return;
      isEnding = true;
      process.end();
      if (life?.process === process) life = undefined;
      for (const line of reason.split('\n')) log(program, process.pid, line);
      log('systemd', 1, `${name}: Main process exited, code=exited, status=1/FAILURE`);
      told(why.exit);
      failed('exit-code', loaded);
    };
    const component = options.components.get(program);
    const flags = flagsOf(program, args, environment);
    const begun = (async () => {
      if (component === undefined) return;
      running = await component({ context, node, process, flags, log: (line) => log(program, process.pid, line) });
      void running.ended.then(over);
      await running.ready;
    })().then(
      () => told(undefined),
      (error: unknown) => over(textOf(error)),
    );
    const end = async (): Promise<void> => {
      isEnding = true;
      told(why.exit);
      // While it still starts, the start is waited for: its ports must be closed before the next one opens them.
      if (running === undefined) await begun;
      await running?.stop().catch((error: unknown) => context.log(`${node.name}: ${program} did not stop in order: ${textOf(error)}`));
      process.end();
      if (life?.process === process) life = undefined;
    };
    life = { process, end };
    process.onSignal((signal) => {
      const plain = signal.replace(/^SIG/, '');
      if (isEnding || !ends.includes(plain)) return;
      log('systemd', 1, `${name}: Main process exited, code=killed, signal=${plain}`);
      void end().then(() => failed('signal', loaded));
    });
    log('systemd', 1, `Started ${name}.`);
    if (!isNotify) return;
    const cancel = Number.isFinite(loaded.timeoutStartSec) ? clock.after(loaded.timeoutStartSec * 1000, () => told(why.timeout)) : () => undefined;
    const problem = await started;
    cancel();
    if (problem === why.timeout) {
      log('systemd', 1, `${name}: start operation timed out. Terminating.`);
      await end();
      failed('timeout', loaded);
    }
    if (problem !== undefined) throw new Error(problem);
    if (life?.process === process) state = 'running';
  }

  /** Restart=: what it is set to, and what it died of, say whether it comes again. */
  function failed(of: string, loaded: LoadedUnit): void {
    if (state === 'stop-sigterm' || state === 'dead') return;
    result = of;
    log('systemd', 1, `${name}: Failed with result '${of}'.`);
    if (!['always', 'on-failure', 'on-abnormal'].includes(loaded.restart) || !node.isOn) {
      state = 'failed';
      return;
    }
    state = 'auto-restart';
    cancelRestart = clock.after(loaded.restartSec * 1000, () => {
      restarts += 1;
      log('systemd', 1, `${name}: Scheduled restart job, restart counter is at ${restarts}.`);
      begin().catch(() => undefined);
    });
  }

  /** One job at a time: who asks meanwhile gets that one. */
  function begin(): Promise<void> {
    cancelRestart();
    job ??= (async () => {
      try {
        state = 'start';
        result = 'success';
        await launch();
      } finally {
        job = undefined;
      }
    })();
    return job;
  }

  async function stop(): Promise<void> {
    cancelRestart();
    if (state === 'dead') return;
    state = 'stop-sigterm';
    await life?.end();
    await job?.catch(() => undefined);
    cancelRestart();
    state = 'dead';
    result = 'success';
    log('systemd', 1, `Stopped ${name}.`);
  }

  return {
    name,
    get starts() {
      return starts;
    },
    async start() {
      if (state === 'running') return;
      restarts = 0;
      await begin();
    },
    stop,
    reload: () => {
      unit = loadUnit(node, name);
    },
    isActive: () => activeStates[state] === 'active' || activeStates[state] === 'activating',
    mainPid: () => life?.process.pid ?? 0,
    log: () => lines,
    facts: () => ({
      fragment: unit?.fragment ?? '',
      dropIns: unit?.dropIns ?? [],
      environmentFiles: unit?.environmentFiles ?? [],
      environment: unit?.environment ?? {},
      argv: splitWords((unit?.execStart ?? '').replace(/^\s*[-+!:]+/, '')),
      startedAtMs: life?.process.startedAtMs ?? 0,
      user: unit?.user ?? '',
      needsReload: loadUnit(node, name)?.stamp !== unit?.stamp,
      activeState: activeStates[state],
      subState: state,
      result,
      restarts,
      after: unit?.after ?? [],
    }),
  };
}

/** etcd takes for each flag that is not given a variable (pkg/flags/flag.go SetFlagsFromEnv). */
function flagsOf(program: string, args: readonly string[], environment: Readonly<Record<string, string>>): Record<string, string> {
  const given = parseFlags(args.slice(1));
  if (program !== 'etcd') return given;
  const variables = Object.entries(environment).flatMap(([name, value]): [string, string][] =>
    name.startsWith('ETCD_') ? [[name.slice('ETCD_'.length).toLowerCase().replaceAll('_', '-'), value]] : [],
  );
  return { ...Object.fromEntries(variables), ...given };
}

/** By /etc/passwd; undefined: root, or a name that is not there. */
function accountOf(node: StagingNode, user: string): { readonly uid: number; readonly gid: number } | undefined {
  if (user === '' || user === 'root') return undefined;
  const line = node
    .read('/etc/passwd')
    ?.bytes.toString('utf8')
    .split('\n')
    .find((one) => one.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
