/** renew-control-plane: kube-controller-manager and kube-scheduler of one node get their trust, identity and signer flags in a single restart. */

import { z } from 'zod';
import { readFlags, withAnnotation, withFlags } from '../../domain/cluster/manifest.js';
import { readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import { fail, failure, type Failure } from '../../domain/errors.js';
import { rewriteKubeconfig } from '../../operations/kubeconfig-on-node.js';
import { readKeyType, readSubject, stageLeaf, type StagedLeaf } from '../../operations/leaf-on-node.js';
import { leadersLast, readLease, releaseLeaseOfEnded } from '../../operations/leases.js';
import { restoreFiles, rewriteFile, savedText, saveFiles } from '../../operations/node-files.js';
import { findProcesses } from '../../operations/processes.js';
import { paths, splitSignerFlags } from '../../operations/run-files.js';
import { askComponent, endIfItHoldsAnother, manifestPath, readManifest, waitForComponent } from '../../operations/static-pod.js';
import { bundlePem, signerOf } from '../../operations/trust-bundles.js';
import { identity, trusts } from '../../operations/trust-params.js';
import { limitsOf, waitFor } from '../../operations/waiting.js';
import type { SavedFile } from '../../ports/checkpoints.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({
  signer: z.enum(['split', 'as-before']).describe('split: signer and published CA in files of their own, because ca.crt becomes a bundle and the signer reads one certificate.'),
  trusts,
  identity,
});

type Params = z.infer<typeof params>;

type Elected = 'kube-controller-manager' | 'kube-scheduler';

const components: readonly { name: Elected; conf: string }[] = [
  { name: 'kube-controller-manager', conf: paths.controllerManagerConf },
  { name: 'kube-scheduler', conf: paths.schedulerConf },
];

/** A year, as kubeadm gives its leaves. */
const leafTtlMs = 365 * 24 * 3600_000;
const generation = 'rotate-ca/generation';
const beforeFlags = (node: string): string => `kube-controller-manager-flags-${node}.json`;

/** Of the split signer: there from the first step that splits it to the one that ends that. */
const ownFiles = [paths.signingCa, paths.signingKey, paths.publishedCa];

const touched = [...ownFiles, paths.controllerManagerConf, paths.schedulerConf, manifestPath('kube-controller-manager'), manifestPath('kube-scheduler')];

export const renewControlPlane: StepKind<Params> = {
  name: 'renew-control-plane',
  targets: 'control-planes',
  params,
  effects: (p) => [
    { type: 'trusts', verifier: 'control-plane-clients', cas: p.trusts },
    { type: 'trusts', verifier: 'published', cas: p.trusts },
    ...(p.identity === 'incoming' ? [{ type: 'presents', presenter: 'control-plane-clients', ca: 'incoming' } as const] : []),
  ],

  waves(targets, site) {
    return leadersLast(site.access.kube(), targets, { deadlineMs: 10_000, signal: site.signal });
  },

  leaves: () => [paths.controllerManagerConf, paths.schedulerConf, manifestPath('kube-controller-manager'), manifestPath('kube-scheduler')],

  async preflight(site) {
    const failures: Failure[] = [];
    for (const component of ['kube-controller-manager', 'kube-scheduler'] as const) {
      const manifest = await readManifest(site, component);
      if (typeof manifest !== 'string') failures.push(manifest);
    }
    return failures;
  },

  async checkpoint(site) {
    return { files: await saveFiles(site.shell, touched, limitsOf(site, 30_000)), objects: [], notes: {} };
  },

  async apply(site, p) {
    if (p.signer === 'split') {
      await rememberFlags(site);
      await splitSigner(site, p);
    }
    for (const { name, conf } of components) {
      const leaf = p.identity === 'incoming' ? await leafFor(site, name, conf) : undefined;
      await rewriteKubeconfig(site, conf, { caPem: bundlePem(site, p.trusts), ...(leaf === undefined ? {} : { leaf }) });
    }
    for (const { name } of components) {
      await writeManifest(site, name, await wantedManifest(site, p, name));
      await waitForEndOfBefore(site, name);
    }
    await comeBack(site);
    if (p.signer === 'as-before') {
      for (const path of [paths.signingKey, paths.signingCa, paths.publishedCa]) await site.shell.removeFile(path, limitsOf(site, 30_000));
    }
  },

  async inspect(site, p) {
    const written: boolean[] = [];
    for (const { name, conf } of components) {
      const manifest = await readManifest(site, name);
      written.push(typeof manifest === 'string' && manifest === (await wantedManifest(site, p, name)), await confIsAsWanted(site, p, conf));
    }
    const own = await site.shell.readFiles(ownFiles, limitsOf(site, 30_000));
    if (written.every((isWritten) => !isWritten)) return (await isFirstSplit(site, p)) && own.size > 0 ? 'partial' : 'absent';
    if (!written.every((isWritten) => isWritten) || (p.signer === 'as-before' && own.size > 0)) return 'partial';
    for (const { name, conf } of components) if ((await askComponent(site, name, [conf])) !== true) return 'partial';
    return 'present';
  },

  async verify(site, p) {
    const failures = (await Promise.all(components.map(({ name, conf }) => waitForComponent(site, name, startFiles(p, name, conf))))).flat();
    for (const { name } of components) failures.push(...(await waitForLeader(site, name)));
    for (const { conf } of components) {
      if (!(await confIsAsWanted(site, p, conf))) {
        failures.push(
          failure('file-changed', {
            target: site.target,
            summary: `${conf} is not what was written`,
            cause: 'something else writes it, too',
            nextAction: 'Find out who writes it, stop it, then run "rotate-ca resume".',
          }),
        );
      }
    }
    return failures;
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
  return new Set(all.filter((path) => Buffer.from(found.get(path)?.bytes ?? '').toString('utf8') === savedText(saved, path)));
}

/** Written once, before the first split: what the flags go back to. */
async function rememberFlags(site: Site): Promise<void> {
  const manifest = await readManifest(site, 'kube-controller-manager');
  const artefact = beforeFlags(site.target);
  if (typeof manifest !== 'string' || site.artefacts.get(artefact) !== undefined) return;
  const flags = readFlags(manifest);
  site.artefacts.put(artefact, JSON.stringify(Object.fromEntries(Object.keys(splitSignerFlags).flatMap((f) => (flags[f] === undefined ? [] : [[f, flags[f]]])))));
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

/** The flags come last: until then the files of the signer are those of a split that was cut off. */
async function isFirstSplit(site: Site, p: Params): Promise<boolean> {
  const manifest = await readManifest(site, 'kube-controller-manager');
  return p.signer === 'split' && typeof manifest === 'string' && readFlags(manifest)['cluster-signing-cert-file'] !== paths.signingCa;
}

async function leafFor(site: Site, name: Elected, conf: string): Promise<StagedLeaf> {
  const file = await site.shell.readFile(conf, limitsOf(site, 30_000));
  const pem = file === undefined ? undefined : readKubeconfig(Buffer.from(file.bytes).toString('utf8'), conf).clientCertificatePem;
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

async function wantedManifest(site: Site, p: Params, name: Elected): Promise<string> {
  const manifest = await readManifest(site, name);
  if (typeof manifest !== 'string') return '';
  if (p.signer === 'as-before') {
    const plain = withAnnotation(manifest, generation, undefined);
    if (name === 'kube-scheduler') return plain;
    const had = JSON.parse(site.artefacts.get(beforeFlags(site.target)) ?? '{}') as Record<string, string>;
    return withFlags(plain, Object.fromEntries(Object.keys(splitSignerFlags).map((flag) => [flag, had[flag]])));
  }
  // A changed annotation gives the static pod another UID, so the kubelet makes it anew (k/k pkg/kubelet/config/common.go applyDefaults).
  const renewed = withAnnotation(manifest, generation, `${site.run.id}-${site.run.attempt}-${site.step.id.replaceAll('/', '-')}`);
  if (name === 'kube-scheduler') return renewed;
  return withFlags(renewed, splitSignerFlags);
}

async function writeManifest(site: Site, name: Elected, text: string): Promise<void> {
  await rewriteFile(site.shell, manifestPath(name), text, { mode: '0600', uid: 0, gid: 0 }, limitsOf(site, 30_000));
}

async function confIsAsWanted(site: Site, p: Params, conf: string): Promise<boolean> {
  const file = await site.shell.readFile(conf, limitsOf(site, 30_000));
  if (file === undefined) return false;
  const read = readKubeconfig(Buffer.from(file.bytes).toString('utf8'), conf);
  const trusted = read.caPem?.trim() === bundlePem(site, p.trusts).trim();
  return trusted && (p.identity === 'keep' || (read.clientCertificatePem !== undefined && signerOf(site, read.clientCertificatePem) === 'incoming'));
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
      const failures = await waitForComponent(site, name, [conf]);
      if (failures.length > 0) return failures;
      const [process] = await findProcesses(site.shell, name, [], limitsOf(site, 30_000));
      if (process !== undefined) {
        const options = limitsOf(site, 10_000);
        const freed = await releaseLeaseOfEnded(site.access.kube(), name, { node: site.target, endedBeforeMs: process.startedAtMs, skewMs: 100 }, options);
        if (freed) site.tell(`lease ${name}: its holder on ${site.target} has ended, so it was freed; a standby takes it at its next try (2 s) instead of after 15 s`);
      }
      return [];
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
