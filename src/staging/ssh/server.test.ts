import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findProcesses } from '../../operations/processes.js';
import type { Shells } from '../../ports/node-shell.js';
import { readFindings } from '../../scan/files/read-files.js';
import { collectScript } from '../../scan/files/script.js';
import { makeSshBench, type SshBench } from './ssh.test-support.js';

const soon = { deadlineMs: 20_000 };

describe('the production adapter against a node', () => {
  const why = existsSync('/usr/bin/ssh') ? undefined : 'there is no ssh program to resolve the configuration with';
  if (why !== undefined) console.log(`SKIPPED: the production adapter against a node: ${why}`);
  let bench: SshBench;
  let shells: Shells;

  beforeAll(async () => {
    bench = await makeSshBench([{}, { via: 'cp1' }]);
    shells = bench.shells();
  });
  afterEach(() => bench.faults.clear());
  afterAll(() => bench.close());
  const it_ = it.skipIf(why !== undefined);

  it_.each(['cp1', 'cp2'])('runs scripts on %s, behind a jump host or not', async (name) => {
    const shell = shells.to(name);
    expect(await shell.run("hostname; cat; printf '%s' \"it's\" >&2; exit 3", { ...soon, stdin: 'in\n' })).toEqual({ exitCode: 3, stdout: `${name}\nin\n`, stderr: "it's" });
    expect(await shell.must('id -u; pwd', soon)).toBe('0\n/home/sre\n');
  });

  it_('reads, replaces, links and removes files', async () => {
    const shell = shells.to('cp1');
    const bytes = Buffer.from([0, 1, 255, 10]);
    await shell.replaceFile('/etc/kubernetes/pki/x.key', { bytes, mode: '0600', uid: 0, gid: 0 }, soon);
    await shell.replaceLink('/var/lib/kubelet/pki/kubelet-client-current.pem', '/etc/kubernetes/pki/x.key', soon);
    const found = await shell.readFiles(['/etc/kubernetes/pki/x.key', '/nowhere', '/var/lib/kubelet/pki/kubelet-client-current.pem'], soon);
    expect([...found.keys()]).toHaveLength(2);
    expect(found.get('/etc/kubernetes/pki/x.key')).toMatchObject({ bytes, mode: '0600', uid: 0, gid: 0 });
    expect(found.get('/var/lib/kubelet/pki/kubelet-client-current.pem')).toMatchObject({ bytes, linkTo: '/etc/kubernetes/pki/x.key' });
    await shell.removeFile('/etc/kubernetes/pki/x.key', soon);
    expect(await shell.readFile('/etc/kubernetes/pki/x.key', soon)).toBeUndefined();
  });

  it_('shows its processes: start, flags, mounts that keep their inode, ports', async () => {
    const node = bench.node('cp1');
    const conf = '/etc/kubernetes/controller-manager.conf';
    node.write(conf, 'first', { mode: 0o600 });
    node.write('/etc/kubernetes/pki/ca.crt', 'ca', { mode: 0o644 });
    await new Promise((resolve) => setTimeout(resolve, 30));
    const mounts = [conf, '/etc/kubernetes/pki'].map((path) => ({ hostPath: path, containerPath: path }));
    const started = node.start({ name: 'kube-controller-manager', args: ['kube-controller-manager', '--a=b', '--kubeconfig', conf], mounts });
    started.listens(10257);
    const look = async () => (await findProcesses(shells.to('cp1'), 'kube-controller-manager', [conf, '/etc/kubernetes/pki/ca.crt'], soon))[0];
    // On a busy machine a look makes it older than it is (findProcesses): one that was not held up counts.
    let before = await look();
    for (let looks = 1; looks < 100 && started.startedAtMs - (before?.startedAtMs ?? 0) > 25; looks++) before = await look();
    expect(before).toMatchObject({ pid: started.pid, args: started.args });
    expect(Math.abs((before?.startedAtMs ?? 0) - started.startedAtMs)).toBeLessThan(200);
    expect(before?.listening.has(10257)).toBe(true);
    expect(before?.kept.size).toBe(0);
    for (const at of before?.changedAtMs.values() ?? []) expect(at).toBeLessThan(before?.startedAtMs ?? 0);
    await shells.to('cp1').replaceFile(conf, { bytes: Buffer.from('second'), mode: '0600', uid: 0, gid: 0 }, soon);
    await shells.to('cp1').replaceFile('/etc/kubernetes/pki/ca.crt', { bytes: Buffer.from('ca2'), mode: '0644', uid: 0, gid: 0 }, soon);
    const after = await look();
    expect([...(after?.kept ?? [])]).toEqual([conf]);
    expect(after?.mounted.get(conf)).toBe(before?.mounted.get(conf));
    expect(after?.mounted.get('/etc/kubernetes/pki/ca.crt')).not.toBe(before?.mounted.get('/etc/kubernetes/pki/ca.crt'));
    expect(started.read(conf)?.toString()).toBe('first');
    expect(started.read('/etc/kubernetes/pki/ca.crt')?.toString()).toBe('ca2');
    const signals: string[] = [];
    started.onSignal((signal) => signals.push(signal));
    await shells.to('cp1').must(`kill -TERM ${started.pid} 2>/dev/null; true`, soon);
    expect(signals).toEqual(['TERM']);
    started.end();
    expect(await look()).toBeUndefined();
    expect(node.read(conf)?.bytes.toString()).toBe('second');
  });

  it_('is scanned', async () => {
    const node = bench.node('cp2');
    node.write('/etc/kubernetes/admin.conf', 'apiVersion: v1\nkind: Config\n', { mode: 0o600 });
    node.write('/etc/kubernetes/pki/sa.pub', '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n');
    node.write('/var/lib/kubelet/pki/kubelet-client-2026.pem', 'x', { mode: 0o600 });
    node.link('/var/lib/kubelet/pki/kubelet-client-current.pem', '/var/lib/kubelet/pki/kubelet-client-2026.pem');
    const kubelet = node.start({ name: 'kubelet', args: ['/usr/bin/kubelet', '--config=/var/lib/kubelet/config.yaml'] });
    node.unit('kubelet', { start: async () => undefined, stop: async () => undefined, isActive: () => true, mainPid: () => kubelet.pid, log: () => ['line'] });
    const findings = readFindings('cp2', await shells.to('cp2').must(collectScript, soon));
    expect(findings.files.map((file) => `${file.mode} ${file.uid} ${file.path} ${file.linkTo ?? ''}`)).toEqual([
      '0600 0 /etc/kubernetes/admin.conf ',
      '0644 0 /etc/kubernetes/pki/sa.pub ',
      '0600 0 /var/lib/kubelet/pki/kubelet-client-2026.pem ',
      '0600 0 /var/lib/kubelet/pki/kubelet-client-current.pem /var/lib/kubelet/pki/kubelet-client-2026.pem',
    ]);
    expect(findings.tools).toEqual(new Set(['openssl']));
    expect(findings.kubelet).toEqual(kubelet.args);
  });

  it_('ends a script in the middle', async () => {
    const controller = new AbortController();
    const run = shells.to('cp1').run('echo $$ > /tmp/running; sleep 100; echo late > /tmp/late', { ...soon, signal: controller.signal });
    while (bench.node('cp1').read('/tmp/running') === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    controller.abort();
    await expect(run).rejects.toMatchObject({ code: 'interrupted' });
    const pid = bench.node('cp1').read('/tmp/running')?.bytes.toString().trim();
    while (existsSync(`/proc/${pid}/stat`)) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(bench.node('cp1').read('/tmp/late')).toBeUndefined();
  });

  it_('opens ten sessions on a connection and no more', async () => {
    const shell = shells.to('cp1');
    const results = await Promise.all(Array.from({ length: 30 }, (_, n) => shell.must(`echo ${n}`, soon)));
    expect(results.map((text) => text.trim())).toEqual(Array.from({ length: 30 }, (_, n) => String(n)));
  });

  it_.each([
    ['no-sudo', { kind: 'no-sudo' }, 'sudo-refused'],
    ['refused', { kind: 'refused' }, 'ssh-unreachable'],
    ['other-host-key', { kind: 'other-host-key' }, 'ssh-host-key-changed'],
    ['cut', { kind: 'cut', afterBytes: 300 }, 'ssh-unreachable'],
  ] as const)('fault %s', async (_, fault, code) => {
    bench.faults.ssh.set('cp1', fault);
    const fresh = bench.shells();
    await expect(fresh.to('cp1').run('true', soon)).rejects.toMatchObject({ code });
    bench.faults.clear();
    expect(await fresh.to('cp1').must('echo back', soon)).toBe('back\n');
  });

  it_('fault cut in the middle of an answer', async () => {
    const shell = bench.shells().to('cp1');
    await shell.must('true', soon);
    bench.faults.ssh.set('cp1', { kind: 'cut', afterBytes: 5_000 });
    await expect(shell.run('head -c 100000 /dev/zero', soon)).rejects.toMatchObject({ code: 'ssh-lost' });
    bench.faults.clear();
    expect(await shell.must('echo back', soon)).toBe('back\n');
  });

  it_('fault hang, of a connection that is open and of new ones', async () => {
    const shell = bench.shells().to('cp1');
    await shell.must('true', soon);
    bench.faults.ssh.set('cp1', { kind: 'hang' });
    const waiting = shell.must('echo late', soon);
    await expect(shell.run('true', { deadlineMs: 300 })).rejects.toMatchObject({ code: 'deadline-exceeded' });
    await expect(bench.shells().to('cp1').run('true', { deadlineMs: 300 })).rejects.toMatchObject({ code: 'deadline-exceeded' });
    bench.faults.clear();
    expect(await waiting).toBe('late\n');
  });

  it_('power off and on', async () => {
    const shell = bench.shells().to('cp1');
    const run = shell.run('sleep 100', soon);
    await shell.must('true', soon);
    const node = bench.node('cp1');
    node.start({ name: 'kubelet', args: ['kubelet'] });
    await node.power(false);
    await expect(run).rejects.toMatchObject({ code: 'ssh-lost' });
    expect(node.processes()).toEqual([]);
    await expect(shell.run('true', soon)).rejects.toMatchObject({ code: 'ssh-unreachable' });
    await node.power(true);
    expect(await shell.must('cat /etc/hostname', soon)).toBe('cp1\n');
  });
});

describe("Debian's ssh, scp and sftp", () => {
  const missing = ['ssh', 'scp', 'sftp'].filter((name) => !existsSync(`/usr/bin/${name}`));
  if (missing.length > 0) console.log(`SKIPPED: Debian's ssh, scp and sftp: missing ${missing.join(', ')}`);
  const it_ = it.skipIf(missing.length > 0);
  let bench: SshBench;

  beforeAll(async () => {
    bench = await makeSshBench([{}, { via: 'cp1' }]);
    bench.node('cp2').write('/etc/kubernetes/pki/ca.key', 'secret\n', { mode: 0o600 });
    bench.node('cp2').write('/etc/kubernetes/pki/ca.crt', 'public\n', { mode: 0o644 });
  });
  afterAll(() => bench.close());

  // Not execFileSync: the server runs in this process.
  async function call(program: string, args: readonly string[], input = ''): Promise<{ stdout: string; stderr: string; exitCode: number }> {
    const { execFile } = await import('node:child_process');
    return new Promise((resolve) => {
      const child = execFile(program, ['-F', bench.configFile, ...args], (error, stdout, stderr) =>
        resolve({ stdout, stderr, exitCode: typeof error?.code === 'number' ? error.code : 0 }),
      );
      child.stdin?.end(input);
    });
  }

  it_.each([
    ['a command', 'ls /etc/kubernetes/pki', '', { stdout: 'ca.crt\nca.key\n', exitCode: 0 }],
    ['what a plain user may read', 'cat /etc/kubernetes/pki/ca.crt', '', { stdout: 'public\n', exitCode: 0 }],
    ['what he may not', 'cat /etc/kubernetes/pki/ca.key', '', { stdout: '', stderr: 'cat: /etc/kubernetes/pki/ca.key: Permission denied\n', exitCode: 1 }],
    ['what he may not change', 'rm -f /etc/kubernetes/pki/ca.crt', '', { stdout: '', stderr: "rm: cannot remove '/etc/kubernetes/pki/ca.crt': Permission denied\n", exitCode: 1 }],
    ['with sudo', 'sudo cat /etc/kubernetes/pki/ca.key; whoami; sudo whoami', '', { stdout: 'secret\nsre\nroot\n', exitCode: 0 }],
    ['a script on standard input', 'sudo sh -s', 'cd /etc/kubernetes\ncat pki/ca.key\npwd\n', { stdout: 'secret\n/etc/kubernetes\n', exitCode: 0 }],
    ['a unit', 'systemctl restart kubelet', '', { stdout: '', exitCode: 1 }],
  ])('%s', async (_, line, input, expected) => {
    expect(await call('ssh', ['cp2', line], input)).toMatchObject(expected);
  });

  it_('a login shell without a terminal', async () => {
    expect(await call('ssh', ['-T', 'cp2'], 'cd /etc/kubernetes/pki\npwd\nsudo cat /etc/kubernetes/pki/ca.key\nexit 4\n')).toMatchObject({
      stdout: '/etc/kubernetes/pki\nsecret\n',
      exitCode: 4,
    });
  });

  it_('a login shell with a terminal', async () => {
    const { stdout } = await call('ssh', ['-tt', 'cp2'], 'cd /etc/kubernetez\x7fs\rsudo cat pki/ca.key\rexit\r');
    expect(stdout).toContain('sre@cp2:/home/sre$ ');
    // All of it was typed before the first prompt came.
    expect(stdout).toContain('sre@cp2:/etc/kubernetes$ secret\r\n');
  });

  it_('sftp: list, get, put', async () => {
    const { stdout, stderr } = await call(
      'sftp',
      ['-b', '-', 'cp2'],
      `ls -l /etc/kubernetes/pki\nget /etc/kubernetes/pki/ca.crt ${bench.folder}/got\nput ${bench.folder}/got /tmp/put\nrename /tmp/put /tmp/renamed\nmkdir /tmp/new\npwd\n`,
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(/-rw------- .* root .*ca\.key/);
    expect(stdout).toContain('Remote working directory: /home/sre');
    expect(bench.node('cp2').read('/tmp/renamed')?.bytes.toString()).toBe('public\n');
    expect((await call('sftp', ['-b', '-', 'cp2'], 'get /etc/kubernetes/pki/ca.key /dev/null\n')).exitCode).not.toBe(0);
  });

  it_('scp both ways', async () => {
    expect(await call('scp', ['-q', 'cp2:/etc/kubernetes/pki/ca.crt', `${bench.folder}/copied`])).toMatchObject({ stderr: '', exitCode: 0 });
    expect(await call('scp', ['-q', `${bench.folder}/copied`, 'cp2:back'])).toMatchObject({ stderr: '', exitCode: 0 });
    expect(bench.node('cp2').read('/home/sre/back')?.bytes.toString()).toBe('public\n');
  });

  it_('no password, no other user', async () => {
    expect(await call('ssh', ['-o', 'PreferredAuthentications=password', 'cp2', 'true'])).toMatchObject({
      exitCode: 255,
      stderr: expect.stringContaining('Permission denied (publickey)'),
    });
    expect(await call('ssh', ['-l', 'other', 'cp2', 'true'])).toMatchObject({ exitCode: 255 });
  });

  it_('its keys are read by ssh-keygen', () => {
    expect(execFileSync('ssh-keygen', ['-lf', `${bench.folder}/id_ed25519`], { encoding: 'utf8' })).toContain('ED25519');
  });
});
