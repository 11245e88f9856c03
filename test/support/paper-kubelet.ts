/** /proc of a paper node, and its kubelet: restarts of itself, of static pods whose manifest has changed, and leases. */

import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readFlags } from '../../src/domain/cluster/manifest.js';
import type { PaperKube } from './paper-kube.js';
import type { PaperNode } from './paper-node.js';

const pki = '/etc/kubernetes/pki';
const day = 24 * 3600_000;

interface Running {
  readonly pid: number;
  readonly startedAtMs: number;
  readonly manifest: string;
}

export function runKubelet(node: PaperNode, api: PaperKube): void {
  const nodeName = node.shell.node;
  const proc = join(node.root, 'proc');
  const bootMs = Date.now() - day;
  const running = new Map<string, Running>();
  let pids = 100;
  writeFileSync(join(node.root, 'bin/systemctl'), `#!/bin/sh\n[ "$*" = 'restart kubelet' ] && : > '${node.root}/restart'\n`, { mode: 0o755 });
  // Scripts see the clock of the moment in which the uptime was written, however long they take to get there.
  writeFileSync(
    join(node.root, 'bin/date'),
    `#!/bin/sh\n[ "$*" = '+%s.%N' ] && exec cat '${node.root}/now'\nexec ${existsSync('/bin/date') ? '/bin/date' : '/usr/bin/date'} "$@"\n`,
    { mode: 0o755 },
  );
  writeFileSync(join(node.root, 'bin/kill'), '#!/bin/sh\n:\n', { mode: 0o755 });
  writeFileSync(join(proc, 'net/tcp'), `  sl  local_address\n${[10257, 10259].map((p) => ` 0: 00000000:${p.toString(16).toUpperCase()} 00000000:0000 0A`).join('\n')}\n`);
  writeFileSync(join(proc, 'net/tcp6'), '');

  function start(name: string, args: readonly string[], mounts: readonly string[], manifest: string): void {
    const before = running.get(name);
    if (before !== undefined) rmSync(join(proc, String(before.pid)), { recursive: true, force: true });
    const pid = ++pids;
    const folder = join(proc, String(pid));
    mkdirSync(folder, { recursive: true });
    const startedAtMs = Date.now() + 120;
    writeFileSync(join(folder, 'cmdline'), `${[name, ...args].join('\0')}\0`);
    writeFileSync(join(folder, 'stat'), `${pid} (${name}) S ${'0 '.repeat(18)}${Math.round((startedAtMs - bootMs) / 10)} 0\n`);
    if (mounts.length === 0) symlinkSync('/', join(folder, 'root'));
    for (const path of mounts) {
      const inside = join(folder, 'root', node.root, path);
      mkdirSync(dirname(inside), { recursive: true });
      linkSync(join(node.root, path), inside);
    }
    if (mounts.length > 0) {
      // pki is mounted as a folder, so what is there is seen as it changes.
      symlinkSync(join(node.root, pki), join(folder, 'root', node.root, pki));
    }
    running.set(name, { pid, startedAtMs, manifest });
    // Start times are known to 10 ms: what is written next must be later, and what the same script still does to the manifest on a busy machine, earlier.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 140);
    if (name !== 'kubelet')
      api.put({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace: 'kube-system' },
        spec: { holderIdentity: `${nodeName}_${pid}`, renewTime: new Date().toISOString() },
      });
  }

  function look(): void {
    for (const name of ['kube-controller-manager', 'kube-scheduler']) {
      const path = `/etc/kubernetes/manifests/${name}.yaml`;
      const text = node.text(path) ?? '';
      if (running.get(name)?.manifest === text) continue;
      const conf = `/etc/kubernetes/${name.replace('kube-', '')}.conf`;
      start(
        name,
        Object.entries(readFlags(text)).map(([flag, value]) => `--${flag}=${value}`),
        [conf],
        text,
      );
    }
    const asked = join(node.root, 'restart');
    const isAsked = readFileSyncOrNothing(asked) !== undefined;
    if (isAsked || !running.has('kubelet')) start('kubelet', [], [], '');
    rmSync(asked, { force: true });
  }

  node.onChange(look);
  node.onScript(() => {
    const nowMs = Date.now();
    // Cut to hundredths, as the kernel does.
    const up = (Math.floor((nowMs - bootMs) / 10) / 100).toFixed(2);
    writeFileSync(join(node.root, 'now'), `${(nowMs / 1000).toFixed(3)}\n`);
    writeFileSync(join(proc, 'uptime'), `${up} 0\n`);
  });
  // Whoever holds a lease renews it.
  api.beforeRead((kind) => {
    if (kind !== 'Lease') return;
    const renewTime = new Date(Date.now() + 60).toISOString();
    api.put({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: nodeName, namespace: 'kube-node-lease' }, spec: { holderIdentity: nodeName, renewTime } });
    for (const name of ['kube-controller-manager', 'kube-scheduler']) {
      api.put({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace: 'kube-system' },
        spec: { holderIdentity: `${nodeName}_${running.get(name)?.pid}`, renewTime },
      });
    }
  });
  api.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName }, status: { conditions: [{ type: 'Ready', status: 'True' }] } });
  look();
}

function readFileSyncOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
