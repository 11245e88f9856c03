/** sshd, sudo and the shell of a node, as the adapter meets them. */

import { createHash, X509Certificate } from 'node:crypto';
import type { ClientChannel } from 'ssh2';
import ssh2 from 'ssh2';
import { RotationError } from '../../../src/domain/errors.js';
import type { Behaviour } from '../behaviour.js';
import { firstCertificate } from '../credentials.js';
import { uniqueName } from '../scratch.js';
import { callMs, controlPlane, type World, worker } from '../world.js';

/** The code of a failure and its cause; "none" if there was none. */
async function failureOf(work: Promise<unknown>): Promise<{ code: string; cause: string }> {
  try {
    await work;
    return { code: 'none', cause: '' };
  } catch (error) {
    if (!(error instanceof RotationError)) throw error;
    return { code: error.code, cause: error.failures[0]?.cause ?? '' };
  }
}

interface Started {
  readonly channel: ClientChannel;
  /** `code 0`, `signal KILL`, or `none` before it has ended. */
  exit(): string;
}

function exec(client: ssh2.Client, line: string): Promise<Started> {
  return new Promise((resolve, reject) => {
    client.exec(line, (error, channel) => {
      if (error) return reject(error);
      // Listened to at once: a short command's whole life comes in one piece with the answer.
      let exit = 'none';
      channel.on('exit', (code: number | null, signal?: string) => {
        exit = code === null ? `signal ${(signal ?? '').replace(/^SIG/, '')}` : `code ${code}`;
      });
      resolve({ channel, exit: () => exit });
    });
  });
}

/** Exit code or signal, and what it wrote. */
async function ended(client: ssh2.Client, line: string, input = ''): Promise<{ exit: string; out: string; err: string }> {
  const { channel, exit } = await exec(client, line);
  return new Promise((resolve) => {
    let [out, err] = ['', ''];
    channel.on('data', (chunk: Buffer) => {
      out += chunk.toString('utf8');
    });
    channel.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString('utf8');
    });
    channel.on('close', () => resolve({ exit: exit(), out: out.trim(), err: err.trim() }));
    channel.end(input);
  });
}

async function hostKeyOf(world: World, node: string): Promise<string> {
  const at = world.nodes.find(({ name }) => name === node);
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.on('error', reject);
    const take = (key: Buffer): boolean => {
      resolve(key.toString('base64'));
      client.end();
      return false;
    };
    client.connect({ host: at?.address ?? '', port: world.ssh.port(node), username: world.ssh.user, hostVerifier: take, algorithms: { serverHostKey: ['ssh-ed25519'] } });
  });
}

export const ssh: readonly Behaviour[] = [
  {
    id: 'ssh-exit-status-and-signal',
    rule: 'dependencies 1 ssh2 rule 7; adapters/ssh/channel',
    title: 'A command ends with its status or the name of its signal; both outputs are apart; input reaches it; the shell is POSIX',
    area: 'SSH',
    disturbs: 'nothing',
    expected: {
      status: { exit: 'code 7', out: 'to out', err: 'to err' },
      signal: { exit: 'signal KILL', out: '', err: '' },
      input: { exit: 'code 0', out: '5', err: '' },
      unknown: 'code 127',
    },
    async run(world, undo) {
      const client = await world.ssh.connect(worker(world).name);
      undo.add('the connection is closed', async () => void client.end());
      const unknown = await ended(client, 'no-such-program');
      return {
        status: await ended(client, 'echo to out; echo to err >&2; exit 7'),
        signal: await ended(client, 'kill -KILL $$'),
        input: await ended(client, 'wc -c', 'input'),
        unknown: unknown.exit,
      };
    },
  },
  {
    id: 'ssh-max-sessions',
    rule: 'dependencies 1 ssh2 rule 3: MaxSessions 10',
    title: 'On one connection ten commands run at once and the eleventh is refused; when one has ended there is room again',
    area: 'SSH',
    disturbs: 'nothing',
    expected: { opened: 10, refused: 'open failed', again: 'opened' },
    async run(world, undo) {
      const client = await world.ssh.connect(worker(world).name);
      undo.add('the connection is closed', async () => void client.end());
      const channels: ClientChannel[] = [];
      let refused = '';
      for (let n = 0; n < 12 && refused === ''; n++) {
        try {
          channels.push((await exec(client, 'cat')).channel);
        } catch (error) {
          refused = /open failed/.exec(String(error))?.[0] ?? String(error);
        }
      }
      const opened = channels.length;
      const closed = new Promise((resolve) => channels[0]?.on('close', resolve).resume());
      channels[0]?.end();
      await closed;
      let again = 'refused';
      for (let tries = 0; tries < 20 && again === 'refused'; tries++) {
        try {
          channels.push((await exec(client, 'cat')).channel);
          again = 'opened';
        } catch {
          await world.pass(200);
        }
      }
      for (const channel of channels) channel.end();
      return { opened, refused, again };
    },
  },
  {
    id: 'ssh-sudo',
    rule: 'adapters/ssh/command-line sudoRefusal',
    title: 'The operator is root by sudo; a user who may not use it is told so by sudo, and nothing of the script has run',
    area: 'SSH',
    disturbs: 'restores-itself',
    expected: { operator: 'root', refused: 'sudo-refused', words: 'sudo: a password is required' },
    async run(world) {
      const node = worker(world).name;
      const operator = (await world.shell(node).must('id -un', { deadlineMs: callMs })).trim();
      const refusal = await world.ssh.asUserWithoutSudo(node, (shell) => failureOf(shell.must('id -un', { deadlineMs: callMs })));
      return { operator, refused: refusal.code, words: refusal.cause };
    },
  },
  {
    id: 'ssh-host-key',
    rule: 'dependencies 1 ssh2 rule 4; ports/node-shell',
    title: 'A host whose key is known is let in, one with another key than the known one is refused as changed, one that nobody knows as unknown',
    area: 'SSH',
    disturbs: 'nothing',
    expected: { known: 'none', changed: 'ssh-host-key-changed', unknown: 'ssh-host-key-unknown' },
    async run(world) {
      const node = controlPlane(world).name;
      const at = controlPlane(world).address;
      const port = world.ssh.port(node);
      const name = port === 22 ? at : `[${at}]:${port}`;
      const own = await hostKeyOf(world, node);
      const other = await hostKeyOf(world, worker(world).name);
      const tried = async (lines: string): Promise<string> => {
        const { shell, close } = world.ssh.shellBelieving(node, lines);
        try {
          return (await failureOf(shell.run('true', { deadlineMs: callMs }))).code;
        } finally {
          await close();
        }
      };
      return { known: await tried(`${name} ssh-ed25519 ${own}\n`), changed: await tried(`${name} ssh-ed25519 ${other}\n`), unknown: await tried('elsewhere ssh-ed25519 AAAA\n') };
    },
  },
  {
    id: 'ssh-behind-another-host',
    rule: 'dependencies 1 ssh2 rule 7: forwardOut as the socket of the next connection; ProxyJump',
    title: 'A node that is reached through another one only answers as itself, also to many commands at once',
    area: 'SSH',
    disturbs: 'nothing',
    expected: { isItself: true, many: 20 },
    async run(world) {
      const node = world.nodes.find(({ via }) => via !== undefined);
      if (node === undefined) throw new Error('no node is behind another');
      const shell = world.shell(node.name);
      const pem = await shell.must('cat /var/lib/kubelet/pki/kubelet-client-current.pem', { deadlineMs: callMs, secretOutput: true });
      const isItself = new X509Certificate(firstCertificate(pem)).subject.endsWith(`CN=system:node:${node.name}`);
      const many = await Promise.all(Array.from({ length: 20 }, (_, i) => shell.must(`echo ${i}`, { deadlineMs: callMs })));
      return { isItself, many: many.filter((out, i) => out.trim() === String(i)).length };
    },
  },
  {
    id: 'ssh-files-are-replaced-whole',
    rule: 'ports/node-shell; 1.1 (single-file mounts), 4.7',
    title: 'A replaced file has its owner and mode and another inode, a link is read through, a folder that is missing is an error, and nothing is left beside it',
    area: 'SSH',
    disturbs: 'restores-itself',
    expected: { mode: '0640 0 0', text: 'second', otherInode: true, sha256: true, link: 'second', missing: 'command-failed', files: 2, removed: true },
    async run(world, undo) {
      const shell = world.shell(worker(world).name);
      const folder = `/var/lib/${uniqueName()}`;
      undo.add('the folder is removed', async () => void (await shell.must(`rm -rf ${folder}`, { deadlineMs: callMs })));
      await shell.must(`mkdir ${folder}`, { deadlineMs: callMs });
      const path = `${folder}/file`;
      const write = (text: string, at = path) => shell.replaceFile(at, { bytes: Buffer.from(text), mode: '0640', uid: 0, gid: 0 }, { deadlineMs: callMs });
      const inode = async (): Promise<string> => (await shell.must(`stat -c %i ${path}`, { deadlineMs: callMs })).trim();
      await write('first');
      const before = await inode();
      await write('second');
      await shell.replaceLink(`${folder}/link`, path, { deadlineMs: callMs });
      const file = await shell.readFile(path, { deadlineMs: callMs });
      const link = await shell.readFile(`${folder}/link`, { deadlineMs: callMs });
      const missing = await failureOf(write('x', `${folder}/none/file`));
      const files = (await shell.must(`ls -A ${folder} | wc -l`, { deadlineMs: callMs })).trim();
      const seen = {
        mode: `${file?.mode} ${file?.uid} ${file?.gid}`,
        text: Buffer.from(file?.bytes ?? []).toString('utf8'),
        otherInode: (await inode()) !== before,
        sha256: file?.sha256 === createHash('sha256').update('second').digest('hex'),
        link: link?.linkTo === path ? Buffer.from(link.bytes).toString('utf8') : 'no link',
        missing: missing.code,
        files: Number(files),
      };
      await shell.removeFile(path, { deadlineMs: callMs });
      return { ...seen, removed: (await shell.readFile(path, { deadlineMs: callMs })) === undefined };
    },
  },
  {
    id: 'ssh-sftp',
    rule: 'dependencies 1 ssh2 rule 6; issue 4 section 1 (exec and SFTP)',
    title: 'SFTP shows the files of the node to the user of the connection, and refuses what that user may not read and what is not there',
    area: 'SSH',
    disturbs: 'restores-itself',
    expected: { text: 'by sftp', isThere: true, missing: 2, notAllowed: 3, renameOntoFile: 4 },
    async run(world, undo) {
      const node = worker(world).name;
      const client = await world.ssh.connect(node);
      undo.add('the connection is closed', async () => void client.end());
      const sftp = await new Promise<ssh2.SFTPWrapper>((resolve, reject) => client.sftp((error, opened) => (error ? reject(error) : resolve(opened))));
      const path = `/tmp/${uniqueName()}`;
      undo.add('the files are removed', async () => void (await world.shell(node).must(`rm -f ${path} ${path}.2`, { deadlineMs: callMs })));
      const call = (work: (done: (error: (Error & { code?: number | string }) | null | undefined) => void) => void): Promise<number> =>
        new Promise((resolve) => work((error) => resolve(error ? Number(error.code) : 0)));
      await call((done) => sftp.writeFile(path, 'by sftp', done));
      await call((done) => sftp.writeFile(`${path}.2`, 'another', done));
      const text = await new Promise<string>((resolve, reject) => sftp.readFile(path, (error, bytes) => (error ? reject(error) : resolve(bytes.toString('utf8')))));
      const isThere = (await world.shell(node).must(`cat ${path}`, { deadlineMs: callMs })) === 'by sftp';
      return {
        text,
        isThere,
        missing: await call((done) => sftp.readFile('/no/such/file', done)),
        notAllowed: await call((done) => sftp.readFile('/etc/kubernetes/kubelet.conf', done)),
        renameOntoFile: await call((done) => sftp.rename(path, `${path}.2`, done)),
      };
    },
  },
];
