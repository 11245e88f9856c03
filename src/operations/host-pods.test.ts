import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Site } from '../ports/step-kind.js';
import { bringPod, endPod, endProcesses, isPodThere } from './host-pods.js';

const root = mkdtempSync(join(tmpdir(), 'host-pods-'));
const component = 'kube-scheduler';
const manifest = '/m/scheduler.yaml';
const at = (path: string): string => join(root, path);
const kept = at('/var/lib/rotate-ca/r1/manifests/scheduler.yaml');

/** The real scripts in the real shell, on folders of our own. A name that no process of this machine has is put in place of the component's. */
function site(): Site {
  const own = (script: string): string => script.replaceAll("'/", `'${root}/`).replaceAll(component, 'no-such-component');
  return {
    target: 'm1',
    run: { id: 'r1', attempt: 1 },
    shell: {
      must: (script: string) => Promise.resolve(execFileSync('sh', ['-s'], { input: own(script), encoding: 'utf8' })),
      run: (script: string) => {
        const { status, stdout, stderr } = spawnSync('sh', ['-s'], { input: own(script), encoding: 'utf8' });
        return Promise.resolve({ exitCode: status, stdout, stderr });
      },
    },
    signal: new AbortController().signal,
    deadlineAtMs: Date.now() + 60_000,
    now: Date.now,
  } as unknown as Site;
}

beforeEach(() => {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(at('/m'), { recursive: true });
  writeFileSync(at(manifest), 'kind: Pod\n', { mode: 0o640 });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('a static pod', () => {
  it('is stopped twice and brought back twice, and its folder never has another file', async () => {
    for (const round of [1, 2]) {
      await endPod(site(), component, { manifest });
      expect([round, readdirSync(at('/m')), readFileSync(kept, 'utf8'), await isPodThere(site(), component, { manifest })]).toEqual([round, [], 'kind: Pod\n', false]);
    }
    for (const round of [1, 2]) {
      await bringPod(site(), manifest);
      expect([round, readdirSync(at('/m')), existsSync(kept), await isPodThere(site(), component, { manifest })]).toEqual([round, ['scheduler.yaml'], false, true]);
    }
    expect(readFileSync(at(manifest), 'utf8')).toBe('kind: Pod\n');
  });

  it('is stopped where half of it was done before', async () => {
    await endPod(site(), component, { manifest });
    writeFileSync(at(manifest), 'kind: Pod\n# edited\n');
    writeFileSync(`${kept}.part`, 'ki');
    await endPod(site(), component, { manifest });
    expect([readFileSync(kept, 'utf8'), readdirSync(at('/m'))]).toEqual(['kind: Pod\n# edited\n', []]);
  });

  it('is brought back where half of it was done before', async () => {
    await endPod(site(), component, { manifest });
    writeFileSync(at('/m/.scheduler.yaml.rotate-ca'), 'ki');
    await bringPod(site(), manifest);
    expect([readFileSync(at(manifest), 'utf8'), readdirSync(at('/m'))]).toEqual(['kind: Pod\n', ['scheduler.yaml']]);
  });

  it('stays as somebody has put it there meanwhile', async () => {
    await endPod(site(), component, { manifest });
    writeFileSync(at(manifest), 'kind: Pod\n# theirs\n');
    await bringPod(site(), manifest);
    expect(readFileSync(at(manifest), 'utf8')).toBe('kind: Pod\n# theirs\n');
  });

  it('that is nowhere is a failure', async () => {
    rmSync(at(manifest));
    await expect(bringPod(site(), manifest)).rejects.toMatchObject({ code: 'file-missing' });
  });

  it('of the API is left alone', async () => {
    await endPod(site(), component, {});
    expect(readdirSync(root)).toEqual(['m']);
  });
});

describe('endProcesses', () => {
  it.each([
    ['kube-apiserver', 'SIGKILL'],
    ['kube-controller-manager', 'SIGTERM'],
  ] as const)('%s by %s', async (name, signal) => {
    const child = spawn('sleep', ['60']);
    const ended = new Promise((resolve) => child.once('exit', (_, by) => resolve(by)));
    // A child that has ended stays in /proc until its parent, which is this process, has seen it: the scripts must not hold it up.
    const shell = { must: (script: string) => new Promise((resolve) => spawn('sh', ['-c', script]).once('exit', resolve)) };
    await endProcesses({ ...site(), shell } as unknown as Site, name, [{ pid: child.pid ?? 0 }]);
    expect(await ended).toBe(signal);
  });
});
