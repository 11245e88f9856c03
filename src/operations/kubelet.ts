/** The kubelet of a node: its client certificate behind a symlink, its restart, and the proof that it is back. */

import type { Failure } from '../domain/errors.js';
import type { Site } from '../ports/step-kind.js';
import type { StagedLeaf } from './leaf-on-node.js';
import { everyApiServerReaches } from './api-to-kubelet.js';
import { readLease } from './leases.js';
import { findProcesses, type Process } from './processes.js';
import { paths } from './run-files.js';
import { type CaName, signerOf } from './trust-bundles.js';
import { type Answer, limitsOf, waitFor } from './waiting.js';

export interface KubeletClient {
  /** The file behind the symlink. */
  readonly path: string;
  readonly certificatePem: string;
}

export interface KubeletClients {
  /** What the kubelet loads at its start; undefined if the layout is another. */
  readonly current: KubeletClient | undefined;
  /** What it has left behind, with or without a certificate that can be read. Never the one in use. */
  readonly left: readonly { readonly path: string; readonly certificatePem: string | undefined }[];
}

/** Client certificates of the kubelet, the current one and those left behind, in one look. Their keys stay on the node. */
export async function clientsOf(site: Site): Promise<KubeletClients> {
  const out = await site.shell.must(
    `cur=$(readlink -f '${paths.kubeletClient}'); [ -L '${paths.kubeletClient}' ] && [ -e "$cur" ] && echo "C $cur"
for f in '${paths.kubeletPki}'/kubelet-client-[0-9]*.pem; do [ ! -e "$f" ] || [ "$f" = "$cur" ] || echo "F $f"; done
for f in "$cur" '${paths.kubeletPki}'/kubelet-client-[0-9]*.pem; do [ ! -f "$f" ] || echo "$f"; done |
awk '{f = $0; if (seen[f]++) next; print "P " f; on = 0
  while ((getline l < f) > 0) { if (l ~ /-----BEGIN /) on = (l ~ /^-----BEGIN CERTIFICATE-----/); if (on) print l; if (l ~ /-----END /) on = 0 }
  close(f)}'`,
    limitsOf(site, 30_000),
  );
  const pems = new Map(
    out
      .split(/^P /m)
      .slice(1)
      .map((text) => [text.split('\n')[0] ?? '', firstBlock(text)]),
  );
  const named = (tag: string): string[] => out.split('\n').flatMap((line) => (line.startsWith(tag) ? [line.slice(tag.length)] : []));
  const [path] = named('C ');
  const certificatePem = path === undefined ? undefined : pems.get(path);
  return {
    current: path === undefined || certificatePem === undefined ? undefined : { path, certificatePem },
    left: named('F ').map((left) => ({ path: left, certificatePem: pems.get(left) })),
  };
}

/** The certificate that the kubelet loads at its start; undefined if the layout is another. */
export async function clientOf(site: Site): Promise<KubeletClient | undefined> {
  return (await clientsOf(site)).current;
}

/** Leaf then key in one file of 0600, then the symlink swapped: the form that the kubelet writes itself (client-go certificate_store.go). */
export async function installClient(site: Site, leaf: StagedLeaf): Promise<void> {
  await site.shell.must(
    `set -eu; umask 077; cd '${paths.kubeletPki}'
name() { n="kubelet-client-$(date +%Y-%m-%d-%H-%M-%S).pem"; }; name
while [ -e "$n" ]; do sleep 1; name; done
t=$(mktemp .rotate-ca.XXXXXX.tmp); trap 'rm -f "$t"' EXIT
{ cat; cat '${leaf.keyPath}'; } > "$t"; chown --reference="$(readlink -f kubelet-client-current.pem)" "$t"
sync "$t"; mv -fT "$t" "$n"; ln -s '${paths.kubeletPki}/'"$n" .rotate-ca.link.tmp; mv -fT .rotate-ca.link.tmp kubelet-client-current.pem; sync .`,
    { ...limitsOf(site, 30_000), stdin: leaf.certificatePem.endsWith('\n') ? leaf.certificatePem : `${leaf.certificatePem}\n` },
  );
}

/** Paths of those that the kubelet has left behind and that one of these CAs signed. */
export function staleOf(site: Site, { left }: KubeletClients, signers: readonly CaName[]): string[] {
  return left.flatMap(({ path, certificatePem }) => {
    const signer = certificatePem === undefined ? 'other' : signerOf(site, certificatePem);
    return signer !== 'other' && signers.includes(signer) ? [path] : [];
  });
}

/** As staleOf, of what lies on the node now. */
export async function staleClients(site: Site, signers: readonly CaName[]): Promise<string[]> {
  return staleOf(site, await clientsOf(site), signers);
}

/** Restarts the unit, unless the process has started after the last change of its files: a second apply is nothing. */
export async function restartKubelet(site: Site): Promise<void> {
  if ((await hasReadItsFiles(site)) === true) return;
  await site.shell.must('systemctl restart kubelet', limitsOf(site, 30_000));
}

/** The kubelet started after kubeconfig and client certificate, or the link to it, were last changed: both are read at its start (R). */
export async function hasReadItsFiles(site: Site): Promise<Answer> {
  const [process] = await findProcesses(site.shell, 'kubelet', [paths.kubeletConf, paths.kubeletClient], limitsOf(site, 30_000));
  return process === undefined ? 'the kubelet is not running' : startedAfterItsFiles(process);
}

function startedAfterItsFiles(process: Process): Answer {
  for (const [path, at] of process.changedAtMs) if (process.startedAtMs <= at) return `the kubelet started before ${path} was written`;
  return true;
}

/** The kubelet has read what is on disk, renews its lease with it, the node is Ready, and each API server reaches it again. */
export async function waitForKubelet(site: Site): Promise<Failure[]> {
  const failures = await waitForReady(site);
  return failures.length > 0 ? failures : everyApiServerReaches(site);
}

function waitForReady(site: Site): Promise<Failure[]> {
  return waitFor(
    site,
    {
      what: `kubelet on ${site.target} has read what is on disk, and renews its lease`,
      rule: 'R: kubeconfig and client certificate are read at start; lease every 10 s',
      everyMs: 500,
      otherwise: { code: 'node-not-ready', nextAction: `Look at "journalctl -u kubelet -n 50" on ${site.target}, then run "rotate-ca resume" or "rotate-ca rollback".` },
    },
    async () => {
      const [process] = await findProcesses(site.shell, 'kubelet', [paths.kubeletConf, paths.kubeletClient], limitsOf(site, 30_000));
      if (process === undefined) return 'the kubelet is not running';
      const isNew = startedAfterItsFiles(process);
      if (isNew !== true) return isNew;
      const lease = await readLease(site.access.kube(), site.target, { ...limitsOf(site, 5000), namespace: 'kube-node-lease' });
      const renewed = lease?.renewedAtMs ?? 0;
      // The lease is written by the clock of this node, as is the start of the process.
      if (renewed <= process.startedAtMs) return 'the lease has not been renewed since the kubelet started';
      const node = await site.access.kube().read({ apiVersion: 'v1', kind: 'Node', name: site.target }, limitsOf(site, 5000));
      const conditions = (node?.status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions ?? [];
      return conditions.find((c) => c.type === 'Ready')?.status === 'True' ? true : 'the node is not Ready';
    },
  );
}

function firstBlock(text: string): string | undefined {
  const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(text)?.[0];
  return block === undefined ? undefined : `${block}\n`;
}
