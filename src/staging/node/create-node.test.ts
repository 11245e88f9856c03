import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quote } from '../../adapters/ssh/shell-quote.js';
import { readFilesScript, removeFileScript, replaceFilesScript, replaceLinkScript } from '../../adapters/ssh/file-scripts.js';
import { parseFiles } from '../../adapters/ssh/read-format.js';
import { killLine } from '../../adapters/ssh/command-line.js';
import { type Bench, makeNodeBench } from './node.test-support.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe.each(['real', 'recorded'] as const)('a node with %s owners', (owners) => {
  const why = owners === 'real' && process.getuid?.() !== 0 ? 'only root can give files away' : undefined;
  if (why !== undefined) console.log(`SKIPPED: a node with real owners: ${why}`);
  const it_ = it.skipIf(why !== undefined);
  let bench: Bench;
  beforeAll(() => {
    bench = makeNodeBench({ owners: why === undefined ? owners : 'recorded' });
  });
  afterAll(() => bench.close());

  it_.each([
    ['hello', 'echo hello', 'hello\n'],
    ['the folder it starts in', 'pwd', '/home/sre\n'],
    ['who it is', 'id -u; id -un; whoami', '0\nroot\nroot\n'],
    ['a path of the node', "echo '/etc/kubernetes/pki'", '/etc/kubernetes/pki\n'],
    ['a path in base64', "printf %s '/etc/kubernetes/pki/ca.crt' | base64 -w0; echo", `${Buffer.from('/etc/kubernetes/pki/ca.crt').toString('base64')}\n`],
    ['the root folder', 'cd / && pwd && ls', '/\nbin\netc\nhome\nopt\nproc\nroot\nrun\nsbin\ntmp\nusr\nvar\n'],
    ['no SELinux', '[ -e /sys/fs/selinux/enforce ] || echo none', 'none\n'],
    ['paths that are found in a file', "printf '%s\\n' --a=/etc/hostname,https://x/y > /tmp/line; cat $(tr '=,' '\\n\\n' < /tmp/line | grep '^/[^/]')", 'cp1\n'],
    ['a URL left alone', 'echo https://127.0.0.1/var/x', 'https://127.0.0.1/var/x\n'],
    ['programs of the node only', 'for t in openssl ctr crictl kubeadm etcdctl python3 docker; do command -v $t >/dev/null && echo $t; done; true', 'openssl\n'],
    ['the hostname', 'hostname; cat /etc/hostname', 'cp1\ncp1\n'],
  ])('%s', async (_, script, expected) => {
    expect(await bench.run(script)).toEqual({ stdout: expected, stderr: '', exitCode: 0 });
  });

  it_('replaces, reads and removes files by the scripts of rotate-ca', async () => {
    const text = 'content with /etc/kubernetes/pki/ca.crt\n';
    const path = '/etc/kubernetes/pki/ca.crt';
    const done = await bench.run(replaceFilesScript([{ path, mode: '0640', uid: 0, gid: 7, sha256: sha256(text), size: text.length }]), { stdin: text });
    expect(done).toEqual({ stdout: '', stderr: '', exitCode: 0 });
    expect(bench.node.read(path)).toMatchObject({ bytes: Buffer.from(text), mode: 0o640 });
    const again = replaceFilesScript([{ path, mode: '0640', uid: 0, gid: 0, sha256: sha256(text), size: text.length }]);
    expect(await bench.run(again, { stdin: text })).toEqual({ stdout: '', stderr: '', exitCode: 0 });
    expect(await bench.run(replaceFilesScript([{ path, mode: '0640', uid: 0, gid: 7, sha256: sha256(text), size: text.length }]), { stdin: text })).toEqual(done);
    await bench.run(replaceLinkScript('/var/lib/kubelet/pki/kubelet-client-current.pem', path));
    const paths = [path, '/etc/kubernetes/none', '/var/lib/kubelet/pki/kubelet-client-current.pem'];
    const read = await bench.run(readFilesScript, { stdin: `${paths.join('\n')}\n` });
    const found = parseFiles(Buffer.from(read.stdout), paths);
    expect(found.get(path)).toMatchObject({ bytes: Buffer.from(text), mode: '0640', uid: 0, gid: 7 });
    expect(found.get(paths[1] ?? '')).toBeUndefined();
    expect(found.get(paths[2] ?? '')).toMatchObject({ bytes: Buffer.from(text), linkTo: path });
    expect(await bench.run(removeFileScript(path))).toMatchObject({ exitCode: 0 });
    expect(bench.node.read(path)).toBeUndefined();
  });

  it_('never leads file content anywhere', async () => {
    const text = '/etc/kubernetes\n/etc/kubernetes/pki no list of paths\n\n';
    const done = await bench.run(`cat > /tmp/x; sha256sum < /tmp/x`, { stdin: text });
    expect(done.stdout.slice(0, 64)).toBe(sha256(text));
  });

  it_('ends what is killed by its tag', async () => {
    const run = bench.run('echo started; touch /tmp/started; sleep 100; echo never');
    while ((await bench.run('[ -e /tmp/started ]')).exitCode !== 0);
    await bench.typed(killLine('rotate-ca-test', 'sre'));
    const done = await run;
    expect(done.exitCode).not.toBe(0);
    expect(done.stdout).toBe('started\n');
  });

  it_('ends with its signal, and all that it started', async () => {
    const controller = new AbortController();
    const { Readable } = await import('node:stream');
    const run = bench.node.exec('sleep 100 & sleep 100', { user: 'root', stdin: Readable.from([]), signal: controller.signal });
    controller.abort();
    expect(await run).toMatchObject({ signal: 'KILL' });
  });

  it_('calls programs that this process answers', async () => {
    bench.node.command('etcdctl', async ({ args, cwd, env, stdin }) => ({
      stdout: JSON.stringify({ args, cwd, api: env.ETCDCTL_API, stdin: stdin.toString('utf8') }),
      stderr: 'warned\n',
      exitCode: 3,
    }));
    bench.node.command('helper', async ({ args, stdin }) => ({ stdout: `${args.join(',')} ${stdin.length}`, stderr: '', exitCode: 0 }));
    expect(await bench.run('command -v etcdctl')).toMatchObject({ exitCode: 127, stdout: '' });
    expect(await bench.run(`helper 'a b' ${quote("it's")} /etc/x -`, { stdin: 'four' })).toEqual({ stdout: "a b,it's,/etc/x,- 4", stderr: '', exitCode: 0 });
    const etcd = bench.node.start({ name: 'etcd', args: ['etcd', '--name=cp1'], mounts: [], programs: ['etcdctl'] });
    const done = await bench.run(`cd /etc; p=/proc/${etcd.pid}/root/usr/local/bin/; [ -x "\${p}etcdctl" ] && ETCDCTL_API=3 "\${p}etcdctl" save /tmp/x`);
    expect(JSON.parse(done.stdout)).toEqual({ args: ['save', '/tmp/x'], cwd: '/etc', api: '3', stdin: '' });
    expect(done).toMatchObject({ stderr: 'warned\n', exitCode: 3 });
    etcd.end();
  });
});
