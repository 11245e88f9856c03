/** renew-control-plane: kube-controller-manager and kube-scheduler of one node get their trust, identity and signer flags in a single restart. */

import { readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import { fail, failure, type Failure } from '../../domain/errors.js';
import { rewriteKubeconfig } from '../../operations/kubeconfig-on-node.js';
import { readKeyType, readSubject, stageLeaf, type StagedLeaf } from '../../operations/leaf-on-node.js';
import { leadersLast, readLease, releaseLeaseOfEnded } from '../../operations/leases.js';
import { restoreFiles, rewriteFile, rewriteSeen, savedText, saveFiles, textOf } from '../../operations/node-files.js';
import { findProcesses, type Process } from '../../operations/processes.js';
import { paths } from '../../operations/run-files.js';
import { askComponent, endIfItHoldsAnother, manifestPath, missingManifest, waitForComponent } from '../../operations/static-pod.js';
import { bundlePem } from '../../operations/trust-bundles.js';
import { limitsOf, waitFor } from '../../operations/waiting.js';
import type { SavedFile } from '../../ports/checkpoints.js';
import type { FileContent } from '../../ports/node-shell.js';
import type { Site, StepKind } from '../../ports/step-kind.js';
import { changesOf } from './changes.js';
import { components, differing, type Elected, isFirstSplit, ownFiles, params, type Params, rememberFlags, rewritten, touched, wantedManifest } from './files.js';

/** A year, as kubeadm gives its leaves. */
const leafTtlMs = 365 * 24 * 3600_000;

export const renewControlPlane: StepKind<Params> = {
  name: 'renew-control-plane',
  targets: 'control-planes',
  params,
  effects: (p) => [
    { type: 'trusts', verifier: 'control-plane-clients', cas: p.trusts },
    { type: 'trusts', verifier: 'published', cas: p.trusts },
    ...(p.identity === 'incoming' ? [{ type: 'presents', presenter: 'control-plane-clients', ca: 'incoming' } as const] : []),
  ],

  changes: (p, { inventory, target }) => changesOf(p, inventory, target),

  waves(targets, site) {
    return leadersLast(site.access.kube(), targets, { deadlineMs: 10_000, signal: site.signal });
  },

  leaves: () => rewritten,

  async preflight(site) {
    const manifests = components.map(({ name }) => manifestPath(name));
    const found = await site.shell.readFiles(manifests, limitsOf(site, 30_000));
    return components.flatMap(({ name }) => (found.has(manifestPath(name)) ? [] : [missingManifest(site, name)]));
  },

  async checkpoint(site) {
    return { files: await saveFiles(site.shell, touched, limitsOf(site, 30_000)), objects: [], notes: {} };
  },

  async apply(site, p) {
    if (p.signer === 'split') {
      await rememberFlags(site);
      await splitSigner(site, p);
    }
    const confs = await site.shell.readFiles(
      components.map(({ conf }) => conf),
      limitsOf(site, 30_000),
    );
    for (const { name, conf } of components) {
      const seen = confs.get(conf);
      const leaf = p.identity === 'incoming' ? await leafFor(site, name, conf, seen) : undefined;
      await rewriteKubeconfig(site, conf, { caPem: bundlePem(site, p.trusts), ...(leaf === undefined ? {} : { leaf }) }, seen);
    }
    for (const { name } of components) {
      await writeManifest(site, p, name);
      await waitForEndOfBefore(site, name);
    }
    await comeBack(site);
    if (p.signer === 'as-before') {
      for (const path of [paths.signingKey, paths.signingCa, paths.publishedCa]) await site.shell.removeFile(path, limitsOf(site, 30_000));
    }
  },

  async inspect(site, p) {
    const found = await site.shell.readFiles(touched, limitsOf(site, 30_000));
    const different = differing(site, p, found);
    const isOwnThere = ownFiles.some((path) => found.has(path));
    if (different.length === rewritten.length) return isFirstSplit(p, found) && isOwnThere ? 'partial' : 'absent';
    if (different.length > 0 || (p.signer === 'as-before' && isOwnThere)) return 'partial';
    const answers = await Promise.all(components.map(({ name, conf }) => askComponent(site, name, [conf])));
    return answers.every((answer) => answer === true) ? 'present' : 'partial';
  },

  async verify(site, p) {
    const failures = (await Promise.all(components.map(({ name, conf }) => waitForComponent(site, name, startFiles(p, name, conf))))).flat();
    for (const { name } of components) failures.push(...(await waitForLeader(site, name)));
    const found = await site.shell.readFiles(rewritten, limitsOf(site, 30_000));
    const changed = differing(site, p, found).map((path) =>
      failure('file-changed', {
        target: site.target,
        summary: `${path} is not what was written`,
        cause: 'something else writes it, too',
        nextAction: 'Find out who writes it, stop it, then run "rotate-ca resume".',
      }),
    );
    return [...failures, ...changed];
  },

  async undo(site, _p, checkpoint) {
    const untouched = await unchangedManifests(site, checkpoint.files);
    const isManifest = (file: { path: string }): boolean => file.path.startsWith(paths.manifests);
    const existed = checkpoint.files.filter((f) => f.existed);
    // The kubelet restarts a component on its manifest, and then everything else must lie there.
    await restoreFiles(
      site.shell,
      existed.filter((f) => !isManifest(f)),
      limitsOf(site, 30_000),
    );
    for (const { name } of components) {
      await restoreFiles(
        site.shell,
        existed.filter((f) => f.path === manifestPath(name)),
        limitsOf(site, 30_000),
      );
      await waitForEndOfBefore(site, name);
    }
    for (const { name, conf } of components) if (untouched.has(manifestPath(name))) await endIfItHoldsAnother(site, name, conf);
    await comeBack(site);
    // Only now: the component before might still have read them.
    await restoreFiles(
      site.shell,
      checkpoint.files.filter((f) => !f.existed),
      limitsOf(site, 30_000),
    );
  },
};

function startFiles(p: Params, name: Elected, conf: string): string[] {
  return name === 'kube-controller-manager' && p.signer === 'split' ? [conf, paths.publishedCa] : [conf];
}

/** Manifests that apply had not come to: putting them back restarts nothing. */
async function unchangedManifests(site: Site, saved: readonly SavedFile[]): Promise<Set<string>> {
  const all = components.map(({ name }) => manifestPath(name));
  const found = await site.shell.readFiles(all, limitsOf(site, 30_000));
  return new Set(all.filter((path) => textOf(found.get(path)) === savedText(saved, path)));
}

/** Copies of the pair that signs now; on a second run of the step, or after the signer switch, what is there stays. */
async function splitSigner(site: Site, p: Params): Promise<void> {
  await site.shell.must(
    `set -eu; umask 077
copy() { [ -e "$2" ] && return 0; cp -p "$1" "$2.part"; sync "$2.part"; mv -fT "$2.part" "$2"; }
copy '${paths.caKey}' '${paths.signingKey}'; copy '${paths.ca}' '${paths.signingCa}'; sync '${paths.ca.replace(/\/[^/]*$/, '')}'`,
    limitsOf(site, 30_000),
  );
  await rewriteFile(site.shell, paths.publishedCa, bundlePem(site, p.trusts), { mode: '0644', uid: 0, gid: 0 }, limitsOf(site, 30_000));
}

async function leafFor(site: Site, name: Elected, conf: string, seen: FileContent | undefined): Promise<StagedLeaf> {
  const text = textOf(seen);
  const pem = text === undefined ? undefined : readKubeconfig(text, conf).clientCertificatePem;
  if (pem === undefined) {
    return fail('layout-unsupported', {
      target: site.target,
      summary: `${conf} has no embedded client certificate`,
      cause: 'kubeadm embeds it as client-certificate-data',
      nextAction: 'Embed it, or use a playbook for another layout.',
    });
  }
  const subject = readSubject(pem);
  return stageLeaf(site, { name, keyType: readKeyType(pem), ...subject, sans: [], usages: ['clientAuth'], ttlMs: leafTtlMs });
}

async function writeManifest(site: Site, p: Params, name: Elected): Promise<void> {
  const path = manifestPath(name);
  const seen = await site.shell.readFile(path, limitsOf(site, 30_000));
  if (seen === undefined) {
    const missing = missingManifest(site, name);
    return fail(missing.code, missing);
  }
  await rewriteSeen(site.shell, path, wantedManifest(site, p, name, textOf(seen) ?? ''), seen, limitsOf(site, 30_000));
}

/** The two do not start in the same moment: each takes a processor for itself then, which the etcd member beside them would miss. */
async function waitForEndOfBefore(site: Site, name: Elected): Promise<void> {
  const manifest = manifestPath(name);
  const [failed] = await waitFor(
    site,
    {
      what: `${name} of before has ended on ${site.target}`,
      rule: 'R: the kubelet ends a static pod whose manifest has changed',
      everyMs: 500,
      otherwise: { code: 'component-not-restarted', nextAction: `Look at "journalctl -u kubelet" on ${site.target}, then run "rotate-ca resume".` },
    },
    async () => {
      const processes = await findProcesses(site.shell, name, [manifest], limitsOf(site, 30_000));
      const isOfBefore = (process: (typeof processes)[number]): boolean => process.startedAtMs <= (process.changedAtMs.get(manifest) ?? 0);
      return processes.some(isOfBefore) ? 'it still runs' : true;
    },
  );
  if (failed !== undefined) fail(failed.code, failed);
}

/** Waits for both components, and frees the leases of the instances that have ended. */
async function comeBack(site: Site): Promise<void> {
  const results = await Promise.all(
    components.map(async ({ name, conf }) => {
      let process: Process | undefined;
      const failures = await waitForComponent(site, name, [conf], (proved) => {
        process = proved;
      });
      if (process !== undefined) {
        const options = limitsOf(site, 10_000);
        const freed = await releaseLeaseOfEnded(site.access.kube(), name, { node: site.target, endedBeforeMs: process.startedAtMs, skewMs: 100 }, options);
        if (freed) site.tell(`lease ${name}: its holder on ${site.target} has ended, so it was freed; a standby takes it at its next try (2 s) instead of after 15 s`);
      }
      return failures;
    }),
  );
  const [first] = results.flat();
  if (first !== undefined) fail(first.code, first);
}

/** Controllers are at work: somebody holds the lease and renews it. Repairs of tokens, CSRs and ConfigMaps wait for that. */
async function waitForLeader(site: Site, name: Elected): Promise<Failure[]> {
  let firstSeen: string | undefined;
  return waitFor(
    site,
    {
      what: `${name} is led by somebody`,
      rule: 'leader election: retry every 2 s',
      everyMs: 500,
      otherwise: { code: 'component-not-restarted', nextAction: `Look at the logs of ${name} on all control planes, then run "rotate-ca resume".` },
    },
    async () => {
      const lease = await readLease(site.access.kube(), name, limitsOf(site, 5000));
      if (lease === undefined || lease.holder === '') return 'nobody holds the lease';
      // A holder seen to renew is alive; no clock of ours is compared with one of theirs.
      const seen = `${lease.holder} ${lease.renewedAtMs}`;
      firstSeen ??= seen;
      return seen === firstSeen ? `${lease.holder} has not renewed the lease yet` : true;
    },
  );
}
