import { createHash } from 'node:crypto';
import { chownSync, lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { replaceFilesScript, replaceLinkScript } from '../../adapters/ssh/file-scripts.js';
import { type Bench, makeNodeBench } from './node.test-support.js';
import { loadNode, saveNode } from './save-node.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const replace = replaceFilesScript([{ path: '/etc/kubernetes/pki/ca.crt', mode: '0644', uid: 0, gid: 0, sha256: sha256('new\n'), size: 4 }]);

const replaceKey = replaceFilesScript([{ path: '/etc/kubernetes/pki/ca.key', mode: '0600', uid: 0, gid: 0, sha256: sha256('new\n'), size: 4 }]);

let bench: Bench;
beforeEach(() => {
  bench = makeNodeBench({ owners: 'recorded' });
  bench.node.write('/etc/kubernetes/pki/ca.crt', 'before\n', { mode: 0o644 });
  bench.node.write('/etc/kubernetes/pki/ca.key', 'key\n', { mode: 0o600 });
});
afterEach(() => bench.close());

describe('faults of files', () => {
  it.each([
    ['disk-full', replace, 'new\n', 102, 'No space left on device'],
    ['disk-full', "set -eu; mkdir -p '/var/lib/rotate-ca/x'", '', 1, 'cannot create directory'],
    ['disk-full', "set -eu; cd '/etc/kubernetes'; { cat; cat 'pki/ca.key'; } > t", 'x\n', 1, 'No space left on device'],
    ['disk-full', "set -eu; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out '/tmp/k.part'", '', 1, 'No space left on device'],
    ['disk-full', "set -eu; cd /; tar -czf '/tmp/a.tar.gz' etc", '', 1, 'Wrote only 4096'],
    ['disk-full', 'set -eu; echo text > /tmp/x', '', 1, 'No space left on device'],
    ['disk-full', 'set -eu; cp -p /etc/kubernetes/pki/ca.key /etc/kubernetes/pki/copy', '', 1, 'No space left on device'],
    ['read-only', replace, 'new\n', 101, 'Read-only file system'],
    ['read-only', replaceLinkScript('/var/lib/kubelet/x', '/etc/hostname'), '', 101, 'Read-only file system'],
    ['read-only', 'rm -f /etc/kubernetes/pki/ca.crt', '', 1, "rm: cannot remove '/etc/kubernetes/pki/ca.crt': Read-only file system"],
    ['read-only', 'chmod 0600 /etc/kubernetes/pki/ca.crt', '', 1, "chmod: changing permissions of '/etc/kubernetes/pki/ca.crt': Read-only file system"],
    ['keys-barred', "cat '/etc/kubernetes/pki/ca.key'", '', 1, 'Permission denied'],
    ['keys-barred', replaceKey, 'new\n', 101, 'Permission denied'],
    ['keys-barred', "{ exec 3<'/etc/kubernetes/pki/ca.key'; } 2>/dev/null || { echo barred >&2; exit 7; }", '', 7, 'barred'],
    ['read-only', '[ -w /etc/kubernetes ] || { echo immutable >&2; exit 1; }', '', 1, 'immutable'],
    ['read-only', 'set -eu; mv -f /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/gone', '', 1, 'Read-only file system'],
  ] as const)('%s: %s', async (fault, script, stdin, exitCode, words) => {
    bench.faults.files.set('cp1', fault);
    const done = await bench.run(script, { stdin });
    expect(done.stderr).toContain(words);
    expect(done.exitCode).toBe(exitCode);
    expect(bench.node.read('/etc/kubernetes/pki/ca.crt')?.bytes.toString()).toBe('before\n');
    bench.faults.clear();
    expect(await bench.run(replace, { stdin: 'new\n' })).toEqual({ stdout: '', stderr: '', exitCode: 0 });
  });

  it('where keys are barred everything else can be read and written', async () => {
    bench.faults.files.set('cp1', 'keys-barred');
    expect(await bench.run(replace, { stdin: 'new\n' })).toEqual({ stdout: '', stderr: '', exitCode: 0 });
    expect((await bench.run('exec 3</etc/kubernetes/pki/ca.crt; cat <&3; exec 3<&-')).stdout).toBe('new\n');
    expect(bench.node.read('/etc/kubernetes/pki/ca.key')?.bytes.toString()).toBe('key\n');
  });

  it('reading goes on', async () => {
    for (const fault of ['disk-full', 'read-only'] as const) {
      bench.faults.files.set('cp1', fault);
      expect(await bench.run("cat /etc/kubernetes/pki/ca.crt; rm -f -- /etc/kubernetes/.none.*.tmp; mkdir -p /etc/kubernetes; printf '%s' x")).toEqual({
        stdout: 'before\nx',
        stderr: '',
        exitCode: 0,
      });
    }
  });
});

describe('a node whose clock is wrong', () => {
  it.each([3_600_000, -7_300_250])('by %d ms', async (skewMs) => {
    bench.node.skewMs = skewMs;
    const before = Date.now();
    const { stdout } = await bench.run("date +%s%3N; stat -c '%.3Y %.3Z %u' /etc/kubernetes/pki/ca.crt; date -d @0 +%s");
    const [now = '', times = '', zero] = stdout.split('\n');
    expect(Number(now) - skewMs).toBeGreaterThanOrEqual(before - 1);
    expect(Number(now) - skewMs).toBeLessThan(before + 5_000);
    const file = bench.node.read('/etc/kubernetes/pki/ca.crt');
    expect(times.split(' ').map(Number)[0]).toBeCloseTo(((file?.mtimeMs ?? 0) + skewMs) / 1000, 2);
    expect(times.split(' ').map(Number)[1]).toBeCloseTo(((file?.ctimeMs ?? 0) + skewMs) / 1000, 2);
    expect([times.split(' ')[2], zero]).toEqual(['0', '0']);
  });
});

describe('owners', () => {
  it('are kept beside, follow a rename, and show', async () => {
    await bench.run('set -eu; cd /etc/kubernetes/pki; chown 7:8 ca.crt; cp ca.key t; chown --reference=ca.crt t; mv -fT t ca.key');
    expect((await bench.run("stat -c '%n %u %g' /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/ca.key /etc/hostname")).stdout).toBe(
      '/etc/kubernetes/pki/ca.crt 7 8\n/etc/kubernetes/pki/ca.key 7 8\n/etc/hostname 0 0\n',
    );
    await bench.run('chown root:root /etc/kubernetes/pki/ca.crt');
    expect((await bench.run("stat -c '%U:%G %a' /etc/kubernetes/pki/ca.crt")).stdout).toBe('root:root 644\n');
  });
});

describe('the owner of a file', () => {
  it('is not that of the file before it that had the same inode', async () => {
    const script = 'cd /etc; for i in 1 2 3 4 5; do touch a; chown 7:8 a; rm a; touch b; stat -c %u b; rm b; done';
    expect((await bench.run(script)).stdout).toBe('0\n'.repeat(5));
  });
});

describe('changes', () => {
  it('are told after a script that changed something, and only then', async () => {
    let count = 0;
    bench.node.onChange(() => count++);
    await bench.run('cat /etc/kubernetes/pki/ca.crt');
    expect(count).toBe(0);
    await bench.run('touch /etc/kubernetes/manifests/x.yaml');
    expect(count).toBeGreaterThan(0);
    const before = count;
    bench.node.write('/var/lib/kubelet/config.yaml', 'x');
    expect(count).toBeGreaterThan(before);
  });

  it('are told while a script is still running', async () => {
    const changed = new Promise<void>((resolve) => void bench.node.onChange(resolve));
    const run = bench.run('echo x > /etc/kubernetes/manifests/y.yaml; while [ ! -e /tmp/go ]; do sleep 0.01; done');
    await changed;
    bench.node.write('/tmp/go', '');
    expect((await run).exitCode).toBe(0);
  });
});

describe('a saved node', () => {
  it('comes back with modes, owners, times and symlinks, on another node, too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'staging-saved-'));
    const other = makeNodeBench({ owners: 'recorded' });
    bench.node.link('/var/lib/kubelet/pki/kubelet-client-current.pem', '/etc/kubernetes/pki/ca.crt');
    await bench.run('chown 7:8 /etc/kubernetes/pki/ca.crt; touch -d 2026-01-02T03:04:05Z /etc/kubernetes/pki/ca.key');
    saveNode(bench.node, folder);
    const look =
      "cd /; find etc var home root | sort; stat -c '%a %u %g %Y %n' /etc/kubernetes/pki/*; readlink /var/lib/kubelet/pki/kubelet-client-current.pem; sha256sum /etc/kubernetes/pki/*";
    const before = await bench.run(look);
    await bench.run('rm -r /etc/kubernetes/pki; echo new > /etc/kubernetes/new');
    loadNode(bench.node, folder);
    expect(await bench.run(look)).toEqual(before);
    let told = 0;
    other.node.onChange(() => told++);
    loadNode(other.node, folder);
    expect(await other.run(look)).toEqual(before);
    expect(told).toBeGreaterThan(0);
    await other.close();
    rmSync(folder, { recursive: true });
  });
});

describe('a backup', () => {
  it('holds the paths of the node, without its folder', async () => {
    bench.node.link('/var/lib/kubelet/pki/kubelet-client-current.pem', '/etc/kubernetes/pki/ca.crt');
    const done = await bench.run(
      `set -eu; mkdir -p '/var/lib/rotate-ca/r'; a='/var/lib/rotate-ca/r/b.tar.gz'; cd /; l=""; for f in /etc/kubernetes /var/lib/kubelet/pki /nothing; do [ ! -e "$f" ] || l="$l \${f#/}"; done
tar --numeric-owner --exclude='etc/kubernetes/tmp' -czf "$a" $l; tar -tvzf "$a"`,
    );
    expect(done.stderr).toBe('');
    const lines = done.stdout.split('\n').map((line) => line.split(/\s+/));
    expect(lines.map(([mode, owner, , , , name]) => `${mode} ${owner} ${name}`)).toContain('-rw------- 0/0 etc/kubernetes/pki/ca.key');
    expect(done.stdout).toContain('var/lib/kubelet/pki/kubelet-client-current.pem -> /etc/kubernetes/pki/ca.crt');
    expect(done.stdout).not.toContain('staging-node');
  });
});

describe('units', () => {
  it('are started, stopped, shown and logged', async () => {
    let pid = 0;
    const calls: string[] = [];
    bench.node.unit('kubelet', {
      start: async () => {
        calls.push('start');
        pid = bench.node.start({ name: 'kubelet', args: ['/usr/bin/kubelet'] }).pid;
      },
      stop: async () => {
        calls.push('stop');
        bench.node.processes()[0]?.end();
        pid = 0;
      },
      isActive: () => pid !== 0,
      mainPid: () => pid,
      log: () => ['one', 'two', 'three'],
    });
    expect(await bench.run('systemctl is-active kubelet')).toMatchObject({ stdout: 'inactive\n', exitCode: 3 });
    expect(await bench.run('systemctl restart kubelet && systemctl restart kubelet.service && systemctl is-active --quiet kubelet')).toEqual({
      stdout: '',
      stderr: '',
      exitCode: 0,
    });
    expect(calls).toEqual(['start', 'stop', 'start']);
    expect((await bench.run('systemctl show -p MainPID --value kubelet; pidof kubelet')).stdout).toBe(`${pid}\n${pid}\n`);
    expect(Number((await bench.run('systemctl show -p ActiveEnterTimestampMonotonic --value kubelet')).stdout)).toBeGreaterThan(0);
    expect((await bench.run('journalctl -u kubelet -n 2 --no-pager')).stdout).toBe('two\nthree\n');
    expect((await bench.run('journalctl -xeu kubelet | head -n 1')).stdout).toBe('one\n');
    expect((await bench.run('systemctl status kubelet')).stdout).toContain('Active: active (running)');
    expect(await bench.run('systemctl restart nothing')).toMatchObject({ stderr: 'Failed to restart nothing.service: Unit nothing.service not found.\n', exitCode: 5 });
    expect(await bench.typed('systemctl restart kubelet')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Interactive authentication required') });
  });
});

describe('real owners', () => {
  it.skipIf(process.getuid?.() !== 0)('are given for real when root runs staging (else skipped: only root can)', async () => {
    const real = makeNodeBench({ owners: 'real' });
    await real.run('touch /tmp/x; chown 7:8 /tmp/x');
    expect(lstatSync(join(real.node.root, 'tmp/x')).uid).toBe(7);
    chownSync(join(real.node.root, 'tmp/x'), 0, 0);
    await real.close();
  });
});
