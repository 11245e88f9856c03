/** The real script in the real shell, on a /proc of our own. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readFindings } from './read-files.js';
import { collectScript } from './script.js';

const root = mkdtempSync(join(tmpdir(), 'unit-script-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Given {
  readonly process?: readonly string[];
  readonly kubelet?: readonly string[];
  readonly cgroup?: string;
  readonly network?: string;
  readonly files?: Readonly<Record<string, string>>;
  /** Seconds after boot. */
  readonly startedAfter?: number;
}

const pod = '4:pids:/kubepods/burstable/pod1/2\n';
const manifest = 'kind: Pod\n';

function find({
  process = ['/usr/local/bin/kube-apiserver', '--client-ca-file=/srv/ca.pem'],
  kubelet = [],
  cgroup = pod,
  network = 'net:[1]',
  files = {},
  startedAfter = 0,
}: Given): {
  pods: readonly string[];
  manifests: readonly string[];
  files: readonly string[];
  startedAtMs: ReadonlyMap<string, number>;
} {
  rmSync(root, { recursive: true, force: true });
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const run = (pid: number, args: readonly string[], of: string, net: string): void => {
    write(`/proc/${pid}/cmdline`, args.map((arg) => `${arg.replaceAll(/(?<==|^)\/(etc|srv)\//g, `${root}/$1/`)}\0`).join(''));
    write(`/proc/${pid}/stat`, `${pid} (a) b) S 1 ${'0 '.repeat(17)}${startedAfter * 100} 0\n`);
    write(`/proc/${pid}/environ`, '');
    write(`/proc/${pid}/cgroup`, of);
    mkdirSync(join(root, `/proc/${pid}/ns`));
    symlinkSync(net, join(root, `/proc/${pid}/ns/net`));
  };
  write('/proc/uptime', '1000.25 7\n');
  run(1, ['/sbin/init'], '4:pids:/\n', 'net:[1]');
  run(41, process, cgroup, network);
  run(42, ['/usr/bin/kubelet', ...kubelet], '4:pids:/system.slice/kubelet.service\n', 'net:[1]');
  for (const [path, text] of Object.entries(files)) write(path, text.replaceAll('/etc/m', `${root}/etc/m`));
  const own = collectScript
    .replaceAll(/(?<=[ "\n])\/(etc|var|proc)\//g, `${root}/$1/`)
    .replaceAll('systemctl', 'false')
    .replaceAll('pidof', 'false');
  const found = readFindings('m1', execFileSync('sh', ['-s'], { input: own, encoding: 'utf8' }).replaceAll(root, ''));
  return { pods: found.pods.map(({ component }) => component), manifests: [...found.manifests.keys()], files: found.files.map(({ path }) => path), startedAtMs: found.startedAtMs };
}

describe('a pod on the network of the host', () => {
  const ca = { '/srv/ca.pem': '-----BEGIN CERTIFICATE-----\n' };
  const inM = { '/etc/m/a.yaml': manifest, '/etc/m/.hidden.yaml': manifest };
  const found = { pods: ['kube-apiserver'], manifests: ['/etc/m/a.yaml'], files: ['/etc/m/a.yaml', '/srv/ca.pem'] };
  it.each<[string, Given, Partial<ReturnType<typeof find>>]>([
    ['is found with the folder of the flag', { kubelet: ['--pod-manifest-path=/etc/m'], files: { ...ca, ...inM } }, found],
    ['is found with the folder of the flag, apart', { kubelet: ['--pod-manifest-path', '/etc/m/'], files: { ...ca, ...inM } }, { pods: found.pods }],
    [
      'is found with the folder of the configuration',
      { kubelet: ['--config=/etc/k.yaml'], files: { ...ca, ...inM, '/etc/k.yaml': 'kind: K\nstaticPodPath: "/etc/m"\n' } },
      { manifests: found.manifests },
    ],
    [
      'is found with that of a configuration in JSON',
      { kubelet: ['--config=/etc/k.json'], files: { ...inM, '/etc/k.json': '{\n  "staticPodPath": "/etc/m",\n}\n' } },
      { manifests: found.manifests },
    ],
    ['is found without any', { files: ca }, { pods: found.pods, manifests: [], files: ['/srv/ca.pem'] }],
    [
      'of kubeadm is left to its manifest',
      { kubelet: ['--pod-manifest-path=/etc/m'], files: { ...ca, ...inM, '/etc/kubernetes/manifests/kube-apiserver.yaml': manifest } },
      { pods: [], manifests: ['/etc/kubernetes/manifests/kube-apiserver.yaml'], files: ['/etc/kubernetes/manifests/kube-apiserver.yaml'] },
    ],
    ['is another if its network is', { network: 'net:[2]', files: ca }, { pods: [], files: [] }],
    ['is another if its program is', { process: ['/usr/bin/etcd', '--data-dir=/srv/x'], files: ca }, { pods: [], files: [] }],
    ['is none if no kubelet runs it', { cgroup: '4:pids:/user.slice\n', files: ca }, { pods: [], files: [] }],
  ])('%s', (_, given, expected) => {
    expect(find(given)).toMatchObject(expected);
  });
});

describe('the start of a process', () => {
  it.each<[string, Given, readonly string[]]>([
    ['of a pod on the network of the host, and of the kubelet', {}, ['kube-apiserver', 'kubelet']],
    ['of a pod of kubeadm', { files: { '/etc/kubernetes/manifests/kube-apiserver.yaml': manifest } }, ['kube-apiserver', 'kubelet']],
    ['not of a pod with another network', { network: 'net:[2]' }, ['kubelet']],
  ])('%s', (_, given, expected) => {
    const before = Date.now();
    const { startedAtMs } = find({ ...given, startedAfter: 990 });
    expect([...startedAtMs.keys()].toSorted()).toEqual(expected);
    for (const at of startedAtMs.values()) {
      expect(at).toBeGreaterThanOrEqual(before - 10_250);
      expect(at).toBeLessThanOrEqual(Date.now() - 10_249);
    }
  });
});
