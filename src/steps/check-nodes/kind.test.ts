import { describe, expect, it } from 'vitest';
import type { Site } from '../../ports/step-kind.js';
import { checkNodes } from './kind.js';

const nowMs = Date.UTC(2026, 0, 1);
const GiB = 2 ** 30;
const params = checkNodes.params.parse({});

interface Given {
  readonly skewMs?: number;
  readonly lines?: readonly string[];
  readonly freeBytes?: number;
  readonly notAfterMs?: number;
  readonly signRole?: string;
  readonly isClosed?: boolean;
}

function site({ skewMs = 0, lines = [], freeBytes = GiB, notAfterMs = nowMs + 100 * 24 * 3600_000, signRole = '', isClosed = false }: Given): Site {
  const output = [`clock ${nowMs + skewMs}`, `free /etc/kubernetes ${freeBytes}`, ...lines].join('\n');
  const certificates = [{ subject: 'CN=kube-apiserver', notAfterMs }];
  return {
    target: 'w1',
    run: { id: 'r1', attempt: 1 },
    plan: { settings: { vault: { signRole } } },
    inventory: { nodes: [{ name: 'w1', roles: ['worker'], internalIp: '10.0.0.21', files: [{ path: '/etc/kubernetes/pki/apiserver.crt', certificates }], components: [] }] },
    shell: { must: () => Promise.resolve(output) },
    tls: { presentedBy: () => (isClosed ? Promise.reject(new Error('ECONNREFUSED')) : Promise.resolve([])) },
    signal: new AbortController().signal,
    deadlineAtMs: nowMs + 60_000,
    now: () => nowMs,
  } as unknown as Site;
}

describe('check-nodes', () => {
  it.each<[string, Given, string[]]>([
    ['is fine', {}, []],
    ['is 59 s ahead', { skewMs: 59_000 }, []],
    ['is 61 s ahead', { skewMs: 61_000 }, ['clock-skew']],
    ['is 26 s behind, and Vault backdates by 30 s', { skewMs: -26_000 }, ['clock-skew']],
    ['is 59 s behind, and a role backdates', { skewMs: -59_000, signRole: 'leaves' }, []],
    ['is 61 s behind, whatever the role', { skewMs: -61_000, signRole: 'leaves' }, ['clock-skew']],
    ['has a clock that cannot be read', { skewMs: Number.NaN }, ['clock-skew']],
    ['has no room', { freeBytes: 10 * 2 ** 20 }, ['disk-full']],
    ['has an agent that puts files back', { lines: ['agent puppet'] }, ['reverting-agent']],
    ['is being upgraded', { lines: ['upgrading process: kubeadm upgrade'] }, ['upgrade-running']],
    ['has files that cannot be written', { lines: ['immutable /etc/kubernetes/pki/ca.crt'] }, ['layout-unsupported']],
    ['has a leaf that expires in the middle', { notAfterMs: nowMs + 3600_000 }, ['certificate-expired']],
    ['cannot be asked directly', { isClosed: true }, ['api-unreachable']],
  ])('a node that %s', async (_, given, codes) => {
    const failures = await checkNodes.preflight(site(given), params);
    expect(failures.map((f) => f.code)).toEqual(codes);
    expect(failures.every((f) => f.target !== '' && f.summary !== '' && f.nextAction !== '')).toBe(true);
  });

  it('says how far the clock is off, and which way', async () => {
    const [failure] = await checkNodes.preflight(site({ skewMs: -75_000, signRole: 'leaves' }), params);
    expect(failure).toMatchObject({ target: 'w1', summary: 'its clock is 75 s behind ours' });
  });
});
