/** The three ways by which a pair comes to a fleet of hosts: our adapter, ssh under xargs, Ansible. Each connects anew, puts key and certificate in place, checks them by hash, restarts the unit and asks whether it is active. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openShells } from '../src/adapters/ssh/open-shells.js';
import type { Secret } from '../src/domain/secret.js';
import { fanOut } from '../src/engine/fan-out.js';
import { defaultLimits } from '../src/engine/perform.js';
import type { Fleet } from './fleet-hosts.js';

export interface Pair {
  readonly key: Secret;
  readonly certificatePem: string;
}

/** Puts a pair on all hosts of a fleet. */
export type Push = (fleet: Fleet, pair: Pair) => Promise<void>;

const keyName = 'tls.key';
const certificateName = 'tls.crt';
const deadlineMs = 60_000;

/** Programs that run now, each the first of its group. */
const running = new Set<ChildProcess>();

/** Ends what the sides have started, by the ids of their groups; may be called from a signal handler. */
export function endPrograms(): void {
  for (const { pid } of running) {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
}

/** As the engine does it: so many targets at once, connections made when they are first needed. */
export const pushOurs: Push = async (fleet, pair) => {
  const shells = openShells({
    hosts: fleet.hosts.map(({ name }) => ({ name, sshHost: name, become: true })),
    sshConfigFile: fleet.sshConfig,
    env: { PATH: process.env.PATH, HOME: fleet.dir },
    log: () => undefined,
  });
  try {
    await fanOut(fleet.hosts, defaultLimits.targetsAtOnce, async ({ name, folder }) => {
      const shell = shells.to(name);
      await shell.replaceFiles(
        [
          { path: join(folder, keyName), bytes: pair.key, mode: '0600', uid: 0, gid: 0 },
          { path: join(folder, certificateName), bytes: Buffer.from(pair.certificatePem), mode: '0644', uid: 0, gid: 0 },
        ],
        { deadlineMs },
      );
      await shell.must(restart(fleet, folder), { deadlineMs });
    });
  } finally {
    await shells.close();
  }
};

/** `tar | ssh host 'tar x && sha256sum -c && restart'`, eight at once. */
export const pushWithXargs: Push = (fleet, pair) => pushOverSsh(fleet, pair, fleet.sshConfig);

/** The same with the key exchange that OpenSSH chooses by itself. */
export const pushWithXargsAsItComes: Push = (fleet, pair) => pushOverSsh(fleet, pair, fleet.sshConfigAsItComes);

async function pushOverSsh(fleet: Fleet, pair: Pair, sshConfig: string): Promise<void> {
  const files = writePair(fleet, pair);
  const push = `tar c -C '${files}' ${keyName} ${certificateName} SHA256SUMS | ssh -F '${sshConfig}' "$1" "cd '${fleet.dir}/hosts/$1/pki' && tar x && sha256sum -c --status SHA256SUMS && ${restart(fleet, '.')}"`;
  await runProgram('xargs', ['-P', '8', '-n', '1', 'sh', '-c', push, 'sh'], { input: fleet.hosts.map(({ name }) => `${name}\n`).join('') });
}

/** 50 forks, pipelining, kept connections; no facts are gathered, and the interpreter need not be looked for. */
export const pushWithAnsible: Push = async (fleet, pair) => {
  const files = writePair(fleet, pair);
  const dir = join(fleet.dir, 'ansible');
  const sockets = join(fleet.dir, 'cp');
  rmSync(sockets, { recursive: true, force: true });
  for (const path of [dir, sockets]) mkdirSync(path, { recursive: true, mode: 0o700 });
  const hosts = Object.fromEntries(fleet.hosts.map(({ name, folder }) => [name, { folder, ansible_remote_tmp: join(folder, '.ansible') }]));
  writeFileSync(join(dir, 'hosts.json'), JSON.stringify({ all: { hosts, vars: { ansible_python_interpreter: '/usr/bin/python3' } } }));
  const copy = (name: string, mode: string) => ({
    name: `copy ${name}`,
    'ansible.builtin.copy': { src: join(files, name), dest: `{{ folder }}/${name}`, mode, owner: 'root', group: 'root' },
  });
  const tasks = [
    copy(keyName, '0600'),
    copy(certificateName, '0644'),
    { name: 'check', 'ansible.builtin.command': { cmd: 'sha256sum -c --status', chdir: '{{ folder }}', stdin: sumsOf(pair) } },
    { name: 'restart', 'ansible.builtin.shell': restart(fleet, '{{ folder }}') },
  ];
  // JSON is YAML.
  writeFileSync(join(dir, 'push.yml'), JSON.stringify([{ hosts: 'all', gather_facts: false, tasks }]));
  writeFileSync(
    join(dir, 'ansible.cfg'),
    `[defaults]\nhost_key_checking = True\nlocal_tmp = ${dir}/tmp\nretry_files_enabled = False\ninterpreter_python = /usr/bin/python3\n[ssh_connection]\npipelining = True\nssh_args = -F ${fleet.sshConfig} -o ControlMaster=auto -o ControlPersist=60s\ncontrol_path_dir = ${sockets}\n`,
  );
  const env = { ANSIBLE_CONFIG: join(dir, 'ansible.cfg'), ANSIBLE_HOME: dir, HOME: fleet.dir, LC_ALL: 'C.UTF-8' };
  await runProgram('/usr/bin/ansible-playbook', ['-f', '50', '-i', join(dir, 'hosts.json'), join(dir, 'push.yml')], { env });
};

function restart({ restartUnit, unitIsActive }: Fleet, folder: string): string {
  return `'${restartUnit}' '${folder}' && '${unitIsActive}' '${folder}' >/dev/null`;
}

function sumsOf(pair: Pair): string {
  const line = (name: string, bytes: string | Uint8Array): string => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`;
  return line(keyName, pair.key.reveal()) + line(certificateName, pair.certificatePem);
}

/** The pair as files, for programs that send files; returns their folder. */
function writePair(fleet: Fleet, pair: Pair): string {
  const dir = join(fleet.dir, 'pair');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writeFileSync(join(dir, keyName), pair.key.reveal(), { mode: 0o600 });
  writeFileSync(join(dir, certificateName), pair.certificatePem, { mode: 0o644 });
  writeFileSync(join(dir, 'SHA256SUMS'), sumsOf(pair));
  return dir;
}

function runProgram(program: string, args: readonly string[], options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> }): Promise<void> {
  const child = spawn(program, args, { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...options.env }, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  running.add(child);
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk));
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // 'exit' and not 'close': Ansible's kept connections may hold its output open.
    child.once('exit', (code, signal) => {
      running.delete(child);
      if (code === 0) resolve();
      else reject(new Error(`${program}: ${signal ?? `exit ${code}`}\n${Buffer.concat(said).toString('utf8').trim().slice(-2000)}`));
    });
  });
}
