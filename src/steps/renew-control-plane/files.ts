/** The files that renew-control-plane writes: what they hold afterwards, and what of it is not so. */

import { z } from 'zod';
import { readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import { readFlags, withAnnotation, withFlags } from '../../domain/cluster/manifest.js';
import { textOf } from '../../operations/node-files.js';
import { paths, splitSignerFlags } from '../../operations/run-files.js';
import { manifestPath } from '../../operations/static-pod.js';
import { bundlePem, signerOf } from '../../operations/trust-bundles.js';
import { identity, trusts } from '../../operations/trust-params.js';
import { limitsOf } from '../../operations/waiting.js';
import type { FileContent } from '../../ports/node-shell.js';
import type { Site } from '../../ports/step-kind.js';

export const params = z.strictObject({
  signer: z.enum(['split', 'as-before']).describe('split: signer and published CA in files of their own, because ca.crt becomes a bundle and the signer reads one certificate.'),
  trusts,
  identity,
});

export type Params = z.infer<typeof params>;

export type Elected = 'kube-controller-manager' | 'kube-scheduler';

export const components: readonly { name: Elected; conf: string }[] = [
  { name: 'kube-controller-manager', conf: paths.controllerManagerConf },
  { name: 'kube-scheduler', conf: paths.schedulerConf },
];

const generation = 'rotate-ca/generation';
const beforeFlags = (node: string): string => `kube-controller-manager-flags-${node}.json`;

/** Of the split signer: there from the first step that splits it to the one that ends that. */
export const ownFiles = [paths.signingCa, paths.signingKey, paths.publishedCa];

/** Confs and manifests: there before the step and after it. */
export const rewritten = [paths.controllerManagerConf, paths.schedulerConf, manifestPath('kube-controller-manager'), manifestPath('kube-scheduler')];
export const touched = [...ownFiles, ...rewritten];

/** Written once, before the first split: what the flags go back to. */
export async function rememberFlags(site: Site): Promise<void> {
  const artefact = beforeFlags(site.target);
  if (site.artefacts.get(artefact) !== undefined) return;
  const manifest = textOf(await site.shell.readFile(manifestPath('kube-controller-manager'), limitsOf(site, 30_000)));
  if (manifest === undefined) return;
  const flags = readFlags(manifest);
  site.artefacts.put(artefact, JSON.stringify(Object.fromEntries(Object.keys(splitSignerFlags).flatMap((f) => (flags[f] === undefined ? [] : [[f, flags[f]]])))));
}

/** Which of the four files are not as apply writes them, one that is missing too. */
export function differing(site: Site, p: Params, found: ReadonlyMap<string, FileContent>): string[] {
  return components.flatMap(({ name, conf }) => {
    const path = manifestPath(name);
    const manifest = textOf(found.get(path));
    const isWritten = manifest !== undefined && manifest === wantedManifest(site, p, name, manifest);
    return [...(isWritten ? [] : [path]), ...(confIsAsWanted(site, p, conf, textOf(found.get(conf))) ? [] : [conf])];
  });
}

/** The flags come last: until then the files of the signer are those of a split that was cut off. */
export function isFirstSplit(p: Params, found: ReadonlyMap<string, FileContent>): boolean {
  const manifest = textOf(found.get(manifestPath('kube-controller-manager')));
  return p.signer === 'split' && manifest !== undefined && readFlags(manifest)['cluster-signing-cert-file'] !== paths.signingCa;
}

export function wantedManifest(site: Site, p: Params, name: Elected, manifest: string): string {
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

function confIsAsWanted(site: Site, p: Params, conf: string, text: string | undefined): boolean {
  if (text === undefined) return false;
  const read = readKubeconfig(text, conf);
  const trusted = read.caPem?.trim() === bundlePem(site, p.trusts).trim();
  return trusted && (p.identity === 'keep' || (read.clientCertificatePem !== undefined && signerOf(site, read.clientCertificatePem) === 'incoming'));
}
