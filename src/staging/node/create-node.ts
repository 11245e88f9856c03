/** A node of a staging cluster: a folder with its files, its processes below /proc, units, programs, and a shell. */

import { chownSync, lstatSync, mkdirSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { userInfo } from 'node:os';
import type { StagingClock } from '../clock.js';
import type { Faults } from '../faults.js';
import type { NodeSpec } from '../spec.js';
import { breakBuiltIns } from './node-paths.js';
import { makeFolders, nodeFiles } from './node-files.js';
import { answerBasics } from './basic-programs.js';
import { hostedShell } from './hosted-shell.js';
import { processTable } from './proc.js';
import { mayRead, ownersOf } from './recorded-owners.js';
import { type RunningScript, runScript } from './run-script.js';
import { answered } from './shims.js';
import type { CommandAnswer, CommandCall, ScriptAnswer, ScriptOptions, StagingNode } from './staging-node.js';
import { systemd } from './systemd.js';
import { installPrograms, programsIn } from './tools.js';
import { watchFolders } from './watch-folders.js';

export interface NodeOptions {
  readonly spec: NodeSpec;
  /** A folder of this node alone; made if it is not there. `node.root` lies in it. */
  readonly folder: string;
  /** Shared by the nodes of a cluster. Default: ".programs" beside `folder`. Whoever removes the nodes removes it. */
  readonly programsFolder?: string;
  readonly clock: StagingClock;
  readonly faults: Faults;
  /**
   * "real": chown gives files away, which only root may. "recorded": owners are kept beside, and `stat -c` shows them.
   * Default: real if this process is root.
   */
  readonly owners?: 'real' | 'recorded';
}

/** What sudo says to a user who may not (sudo 1.9, `-n`). */
const sudoRefuses = 'sudo: a password is required\n';

const throughSudo = /^exec env LC_ALL=C sudo -n -- /;

const restrictedTools = ['openssl', 'ctr', 'crictl', 'kubeadm', 'etcdctl', 'etcdutl'] as const;

/** Makes a node that is on, with the folders of a kubeadm node and no Kubernetes files yet. Its SSH server is made by startSshServer. */
export function createStagingNode(options: NodeOptions): StagingNode {
  const { spec, faults } = options;
  const owners = options.owners ?? (userInfo().uid === 0 ? 'real' : 'recorded');
  mkdirSync(options.folder, { recursive: true });
  const folder = realpathSync(options.folder);
  const state = join(folder, 'state');
  const root = rootIn(folder);
  for (const before of [state, join(root, 'proc'), join(root, 'usr/bin'), join(root, 'usr/sbin')]) rmSync(before, { recursive: true, force: true });
  for (const name of ['calls', 'owners', 'scratch']) mkdirSync(join(state, name), { recursive: true });
  makeFolders(root);
  linkToItself(root);

  const programs = programsIn(options.programsFolder ?? join(dirname(folder), '.programs'));
  const { shims } = programs;
  installPrograms(
    root,
    programs,
    restrictedTools.filter((name) => name !== 'openssl' && has(name)),
    spec.tools,
  );
  writeIfMissing(join(root, 'etc/hostname'), `${spec.name}\n`);
  writeIfMissing(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nsre:x:1000:1000::/home/sre:/bin/sh\n');

  const processes = processTable(root, shims.call, (path, user) => mayRead(owners === 'real' ? undefined : ownersOf(root), path, user));
  const files = nodeFiles(
    root,
    join(state, 'scratch'),
    () => watch.look(),
    (file, owner) => (owners === 'real' ? chownSync(file, owner, owner) : ownersOf(root).set(file, [owner, owner])),
  );
  const units = systemd({
    node: spec.name,
    processes,
    unitFile: (name) =>
      ['/etc/systemd/system', '/lib/systemd/system', '/usr/lib/systemd/system'].map((at) => files.read(`${at}/${name}`)?.bytes.toString('utf8')).find((text) => text !== undefined),
  });
  const commands = new Map<string, (call: CommandCall) => Promise<CommandAnswer>>();
  const changeListeners = new Set<() => void>();
  const powerListeners: ((on: boolean) => Promise<void> | void)[] = [];
  const shell = hostedShell();
  const running = new Set<RunningScript>();
  let isOn = true;
  const watch = watchFolders(root, () => {
    for (const listener of [...changeListeners]) listener();
  });

  function has(name: (typeof restrictedTools)[number]): boolean {
    return name === 'etcdutl' ? spec.tools.etcdctl : spec.tools[name];
  }

  async function answer(name: string, call: CommandCall, caller: { user: string; signalScript(signal: string): void }): Promise<CommandAnswer> {
    if (name === 'systemctl') return units.systemctl(call, caller.user);
    if (name === 'journalctl') return units.journalctl(call);
    if ((answered as readonly string[]).includes(name))
      return answerBasics(name, call.args, { processes, address: spec.address, caller, groups: () => [...running].flatMap((script) => script.group ?? []) });
    const command = commands.get(name);
    if (command !== undefined) return command(call);
    return { stdout: '', stderr: `${name}: nothing answers it on ${spec.name}\n`, exitCode: 1 };
  }

  const home = (user: string): string => join(root, user === 'root' ? 'root' : `home/${user}`);

  function environment(user: string, terminal: boolean): Record<string, string> {
    const base = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin'].map((path) => join(root, path));
    const fault = faults.files.get(spec.name);
    const asRoot = [
      ...(fault === undefined ? [] : [shims.folders[fault]]),
      ...(node.skewMs === 0 ? [] : [shims.folders.skewed]),
      ...(owners === 'real' ? [] : [shims.folders.owners]),
      ...base,
    ].join(':');
    return {
      PATH: user === 'root' ? asRoot : `${shims.folders.user}:${asRoot}`,
      HOME: home(user),
      USER: user,
      LOGNAME: user,
      SHELL: '/bin/sh',
      LANG: 'C.UTF-8',
      TMPDIR: join(root, 'tmp'),
      STAGING_ROOT: root,
      STAGING_NODE: spec.name,
      STAGING_CALLS: join(state, 'calls'),
      STAGING_USER: user,
      STAGING_SUDO_PATH: asRoot,
      STAGING_OWNERS: join(state, 'owners'),
      ...(owners === 'real' ? {} : { STAGING_RECORD_OWNERS: '1' }),
      ...(node.skewMs === 0 ? {} : { STAGING_SKEW_MS: String(Math.round(node.skewMs)) }),
      ...(faults.ssh.get(spec.name)?.kind === 'no-sudo' ? { STAGING_NO_SUDO: '1' } : {}),
      ...(terminal ? { STAGING_TERMINAL: '1', PS1: `${user}@${spec.name}:\${PWD#"$STAGING_ROOT"}${user === 'root' ? '#' : '$'} `, PS2: '> ', TERM: 'dumb' } : {}),
    };
  }

  async function exec(line: string | undefined, script: ScriptOptions): Promise<ScriptAnswer> {
    if (!isOn) throw new Error(`${spec.name} is off`);
    let user = script.user;
    let command = line;
    // The words with which rotate-ca begins each script: what sudo does is done here, and two programs less are started.
    if (command !== undefined && user !== 'root' && throughSudo.test(command)) {
      if (faults.ssh.get(spec.name)?.kind === 'no-sudo') return { stdout: Buffer.alloc(0), stderr: sudoRefuses, exitCode: 1 };
      user = 'root';
      command = command.replace(throughSudo, 'exec ');
    }
    if (command !== undefined) command = breakBuiltIns(command, faults.files.get(spec.name));
    const env = environment(user, script.terminal === true);
    const cwd = existsSync(home(script.user)) ? home(script.user) : root;
    const started = runScript(command, { shell, root, calls: join(state, 'calls'), env, cwd, answer, appear: processes.script }, script);
    running.add(started);
    script.onStart?.(started);
    try {
      return await started.done;
    } finally {
      running.delete(started);
      watch.look();
    }
  }

  const node: StagingNode = {
    name: spec.name,
    address: spec.address,
    root,
    read: files.read,
    write: files.write,
    link: files.link,
    remove: files.remove,
    list: files.list,
    onChange(listener) {
      changeListeners.add(listener);
      return () => void changeListeners.delete(listener);
    },
    start(what) {
      if (!isOn) throw new Error(`${spec.name} is off`);
      return processes.start(what);
    },
    processes: () => processes.list(),
    unit: (name, unit) => units.add(name, unit),
    command(name, give) {
      commands.set(name, give);
      const path = join(root, 'usr/sbin', name);
      const isWithheld = restrictedTools.some((tool) => tool === name && !has(tool));
      if (!isWithheld && lstatSync(path, { throwIfNoEntry: false }) === undefined) symlinkSync(shims.call, path);
    },
    skewMs: 0,
    get isOn() {
      return isOn;
    },
    async power(on) {
      if (on === isOn) return;
      isOn = on;
      if (!on) stopAll();
      for (const listener of powerListeners) await listener(on);
    },
    onPower: (listener) => void powerListeners.push(listener),
    exec,
    async close() {
      isOn = false;
      stopAll();
      watch.close();
      await Promise.allSettled([...running].map((script) => script.done));
      await shell.release();
    },
  };

  function stopAll(): void {
    for (const script of running) script.kill();
    processes.endAll();
  }

  return node;
}

/** Of a length that three divides: see pathStripper. */
function rootIn(folder: string): string {
  let name = 'root';
  while (Buffer.byteLength(join(folder, name)) % 3 !== 0) name += '-';
  return join(folder, name);
}

/** In the folder its own name leads to it: a path that was led into it twice, as "$d/root$f" below /proc, still arrives. */
function linkToItself(root: string): void {
  const link = join(root, root);
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(root, link);
}

function writeIfMissing(path: string, text: string): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) writeFileSync(path, text);
}
