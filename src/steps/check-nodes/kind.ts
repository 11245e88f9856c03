/** check-nodes: is this node fit for the run? Reads only; it runs again before each use of the plan. */

import { z } from 'zod';
import { failure, type Failure } from '../../domain/errors.js';
import { duration } from '../../domain/plan/duration.js';
import { size } from '../../domain/plan/size.js';
import { apiPort, isControlPlane, nodeOf } from '../../operations/identity-probe.js';
import { removeLeftovers } from '../../operations/leftovers.js';
import { readsOnly } from '../../operations/reads-only.js';
import { limitsOf } from '../../operations/waiting.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({
  maxClockSkew: duration.prefault('60s').describe('How much the clock of a node may differ from ours.'),
  minFreeDisk: size.prefault('200Mi').describe('Free room wanted on the file systems that are written to.'),
  minValidity: duration.prefault('24h').describe('Certificates in use must be valid for at least this long, so that none expires in the middle.'),
});

type Params = z.infer<typeof params>;

/** Agents that put files back by themselves; found by unit or process name. */
const agents = ['puppet', 'chef-client', 'salt-minion', 'consul-template', 'cfengine', 'cf-agent', 'ansible-pull', 'fluxd'];

interface Reading {
  readonly clockMs: number;
  readonly freeBytes: readonly { readonly path: string; readonly bytes: number }[];
  readonly agents: readonly string[];
  readonly upgrading: readonly string[];
  readonly immutable: readonly string[];
}

export const checkNodes: StepKind<Params> = {
  name: 'check-nodes',
  targets: 'nodes',
  params,
  ...readsOnly,

  async preflight(site, p) {
    const before = site.now();
    const reading = parse(await site.shell.must(script, limitsOf(site, 30_000)));
    return [...judge(site, p, reading, { before, after: site.now() }), ...expiry(site, p), ...(await reachable(site))];
  },

  async undo(site) {
    await removeLeftovers(site.shell, limitsOf(site, 20_000));
    // The run's folder goes last, because everything before may still have needed it.
    await site.shell.must(`rm -rf '/var/lib/rotate-ca/${site.run.id}'; rmdir /var/lib/rotate-ca 2>/dev/null; true`, limitsOf(site, 30_000));
  },
};

/** Less than the 30 s by which Vault backdates what it signs (pki not_before_duration): a leaf must be valid by the slowest clock. */
const vaultBackdateMs = 25_000;

const script = `
echo "clock $(date +%s%3N)"
for p in /etc/kubernetes /var/lib/kubelet /var/lib; do [ -d $p ] && echo "free $p $(df -Pk $p | awk 'NR==2{print $4*1024}')"; done
for d in /proc/[0-9]*; do tr '\\0' ' ' < $d/cmdline 2>/dev/null | awk -v a='${agents.join(' ')}' '{n=split(a,x," "); c=$1; sub(/.*\\//,"",c); s=$2; sub(/.*\\//,"",s); for(i=1;i<=n;i++) if(c==x[i]||s==x[i]) print "agent " x[i]}'; done | sort -u
for d in /proc/[0-9]*; do tr '\\0' ' ' < $d/cmdline 2>/dev/null | awk '{c=$1; sub(/.*\\//,"",c); if(c=="kubeadm") print "upgrading process: kubeadm " $2}'; done
for f in /etc/kubernetes/tmp/kubeadm-upgraded-manifests*; do [ -e "$f" ] && [ -n "$(find "$f" -mmin -60 2>/dev/null)" ] && echo "upgrading folder of the last hour: $f"; done
command -v lsattr >/dev/null && for f in /etc/kubernetes/pki/ca.crt /etc/kubernetes/kubelet.conf /etc/kubernetes/admin.conf; do [ -e $f ] && lsattr $f 2>/dev/null | awk '$1 ~ /i/{print "immutable " $2}'; done
[ -w /etc/kubernetes ] || echo "immutable /etc/kubernetes"
true`;

function parse(output: string): Reading {
  const lines = output.split('\n').map((l) => l.trim());
  const after = (tag: string): string[] => lines.filter((l) => l.startsWith(`${tag} `)).map((l) => l.slice(tag.length + 1));
  return {
    clockMs: Number(after('clock')[0] ?? Number.NaN),
    freeBytes: after('free').map((l) => ({ path: l.split(' ')[0] ?? '', bytes: Number(l.split(' ')[1]) })),
    agents: after('agent'),
    upgrading: after('upgrading'),
    immutable: after('immutable'),
  };
}

/** What the reading forbids. `asked`: our clock right before and after, so that a slow line does not look like a wrong clock. */
function judge(site: Site, p: Params, reading: Reading, asked: { before: number; after: number }): Failure[] {
  const failures: Failure[] = [];
  const target = site.target;
  const behind = Math.max(asked.before - reading.clockMs, 0);
  const ahead = Math.max(reading.clockMs - asked.after, 0);
  const signRole = site.plan.settings.vault.signRole ?? '';
  const allowedBehind = signRole === '' ? Math.min(p.maxClockSkew, vaultBackdateMs) : p.maxClockSkew;
  if (!(behind <= allowedBehind && ahead <= p.maxClockSkew)) {
    const [by, allowed] = ahead > behind ? [ahead, p.maxClockSkew] : [behind, allowedBehind];
    const why = ahead <= behind && allowed < p.maxClockSkew ? ': Vault backdates leaves by 30 s only, unless ROTATE_CA_VAULT_SIGN_ROLE names a role with not_before_duration' : '';
    failures.push(
      failure('clock-skew', {
        target,
        summary: `its clock is ${Math.round(by / 1000)} s ${ahead > behind ? 'ahead of' : 'behind'} ours`,
        cause: `allowed are ${allowed / 1000} s${why}`,
        nextAction: 'Set the clocks (chrony, systemd-timesyncd), then plan or resume again.',
      }),
    );
  }
  for (const { path, bytes } of reading.freeBytes) {
    if (bytes >= p.minFreeDisk) continue;
    failures.push(
      failure('disk-full', {
        target,
        summary: `${path} has ${Math.round(bytes / 2 ** 20)} MiB free`,
        cause: `wanted are ${Math.round(p.minFreeDisk / 2 ** 20)} MiB`,
        nextAction: 'Free some room, then plan or resume again.',
      }),
    );
  }
  for (const agent of reading.agents) {
    failures.push(
      failure('reverting-agent', {
        target,
        summary: `${agent} is running`,
        cause: 'it may put certificates and manifests back in the middle of the run',
        nextAction: `Stop ${agent} for the time of the run, or teach it to leave /etc/kubernetes alone.`,
      }),
    );
  }
  for (const sign of reading.upgrading) {
    failures.push(
      failure('upgrade-running', {
        target,
        summary: 'a kubeadm upgrade seems to be running',
        cause: sign,
        nextAction: 'Let it end, or remove what it left, then plan or resume again.',
      }),
    );
  }
  for (const path of reading.immutable) {
    failures.push(
      failure('layout-unsupported', {
        target,
        summary: `${path} cannot be written`,
        cause: 'immutable attribute or read-only file system',
        nextAction: 'Make it writable for the time of the run.',
      }),
    );
  }
  return failures;
}

/** Leaves and CAs of the plan's inventory that would expire in the middle. */
function expiry(site: Site, p: Params): Failure[] {
  return nodeOf(site).files.flatMap((file) =>
    [...file.certificates, ...(file.client === undefined ? [] : [file.client])]
      // The kubelet's earlier client certificates lie there, unused.
      .filter(() => !/kubelet-client-\d/.test(file.path))
      .filter((c) => c.notAfterMs < site.now() + p.minValidity)
      .map((c) =>
        failure('certificate-expired', {
          target: site.target,
          summary: `${file.path}: ${c.subject} is valid until ${new Date(c.notAfterMs).toISOString()}`,
          cause: 'it would expire before the run has ended',
          nextAction: 'Renew it first with "kubeadm certs renew", or follow the recovery procedure for expired certificates.',
        }),
      ),
  );
}

/** The proofs ask kubelets and API servers directly: these ports must be open to us. */
async function reachable(site: Site): Promise<Failure[]> {
  const node = nodeOf(site);
  const ports = [10250, ...(isControlPlane(site, site.target) ? [apiPort(node)] : [])];
  const failures: Failure[] = [];
  for (const port of ports) {
    try {
      await site.tls.presentedBy({ host: node.internalIp, port }, limitsOf(site, 5000));
    } catch (error) {
      failures.push(
        failure('api-unreachable', {
          target: `${node.internalIp}:${port}`,
          summary: `no TLS answer from ${site.target}`,
          cause: error instanceof Error ? error.message : String(error),
          nextAction: `Open TCP ${port} from this machine to ${node.internalIp}: the proofs go there directly.`,
        }),
      );
    }
  }
  return failures;
}
