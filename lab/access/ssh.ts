import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import { runCommand, succeeds } from '../command.js';
import { waitFor } from '../deadline.js';
import { type Lab, type LabNode, type LabPaths, possibleNodes, sshUser } from '../lab.js';
import { hostKeyTypes } from '../node/node-files.js';
import { runningPid, startDaemon } from '../processes.js';

async function makeKey(file: string, type: string, comment: string): Promise<void> {
  if (existsSync(file) && existsSync(`${file}.pub`)) return;
  for (const old of [file, `${file}.pub`]) rmSync(old, { force: true });
  await runCommand('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', comment, '-f', file]);
}

function hostKeyFile(paths: LabPaths, node: LabNode, type: string): string {
  return join(paths.ssh, 'host-keys', node.name, type);
}

/** From the key files, not from the network: nobody has to trust a first answer. Names are hashed, as on Debian. */
async function writeKnownHosts(paths: LabPaths, nodes: readonly LabNode[]): Promise<void> {
  const lines = nodes.flatMap((node) =>
    hostKeyTypes.map((type) => {
      const [algorithm, key] = readFileSync(`${hostKeyFile(paths, node, type)}.pub`, 'utf8').split(' ');
      return `${node.ip} ${algorithm} ${key}`;
    }),
  );
  const file = join(paths.ssh, 'known_hosts');
  writeFileSync(`${file}.plain`, `${lines.join('\n')}\n`, { mode: 0o600 });
  await runCommand('ssh-keygen', ['-q', '-H', '-f', `${file}.plain`]);
  writeFileAtomically(file, readFileSync(`${file}.plain`));
  for (const rest of ['.plain', '.plain.old']) rmSync(`${file}${rest}`, { force: true });
}

/** By name and by address: an inventory's `ansible_host` is an address, and the way in is the same. */
function sshConfig(paths: LabPaths, nodes: readonly LabNode[]): string {
  const hosts = nodes.map((node) => {
    const jump = node.behind === undefined ? '' : `\n  ProxyJump ${node.behind}`;
    return `Host ${node.name} ${node.ip}\n  HostName ${node.ip}${jump}\n`;
  });
  return `${hosts.join('\n')}
Host *
  User ${sshUser}
  IdentityAgent ${paths.agentSocket}
  UserKnownHostsFile ${join(paths.ssh, 'known_hosts')}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 10
  ServerAliveInterval 15
`;
}

/** Keys, known_hosts and ssh_config: everything that a user would have got from whoever set the machines up. */
export async function writeSshFiles(lab: Lab): Promise<void> {
  const { paths } = lab;
  mkdirSync(paths.ssh, { recursive: true, mode: 0o700 });
  await makeKey(join(paths.ssh, 'id_ed25519'), 'ed25519', `${sshUser}@lab`);
  // Of every node that there can be: a node that joins later is known from the start, and a restore changes nothing.
  const nodes = possibleNodes(lab.layout);
  for (const node of nodes) {
    mkdirSync(join(paths.ssh, 'host-keys', node.name), { recursive: true, mode: 0o700 });
    for (const type of hostKeyTypes) await makeKey(hostKeyFile(paths, node, type), type, `root@${node.name}`);
  }
  if (!existsSync(join(paths.ssh, 'known_hosts'))) await writeKnownHosts(paths, nodes);
  writeFileAtomically(paths.sshConfig, sshConfig(paths, nodes));
}

/** An ssh-agent that holds the key, as a user's session has one. */
export async function startSshAgent(paths: LabPaths): Promise<boolean> {
  const env = { SSH_AUTH_SOCK: paths.agentSocket };
  const holdsKey = (): Promise<boolean> => succeeds('ssh-add', ['-l'], { env });
  if (runningPid(paths, 'ssh-agent') !== undefined && (await holdsKey())) return false;
  if (runningPid(paths, 'ssh-agent') === undefined) {
    rmSync(paths.agentSocket, { force: true });
    startDaemon(paths, {
      name: 'ssh-agent',
      program: 'ssh-agent',
      args: ['-D', '-a', paths.agentSocket],
      logFile: join(paths.log, 'ssh-agent.log'),
    });
    await waitFor('the ssh-agent', { timeoutMs: 60_000, everyMs: 20 }, async () => existsSync(paths.agentSocket) || 'no socket');
  }
  const key = join(paths.ssh, 'id_ed25519');
  chmodSync(key, 0o600);
  await runCommand('ssh-add', ['-q', key], { env });
  return true;
}
