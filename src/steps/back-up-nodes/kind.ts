/** back-up-nodes: the PKI, kubeconfigs and manifests of a node as one encrypted archive beside the run. */

import { z } from 'zod';
import { fail, failure } from '../../domain/errors.js';
import { nodeOf } from '../../operations/identity-probe.js';
import { readsOnly } from '../../operations/reads-only.js';
import { stagingDir } from '../../operations/run-files.js';
import { limitsOf } from '../../operations/waiting.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({});

const usual = ['/etc/kubernetes', '/var/lib/kubelet/pki', '/var/lib/kubelet/config.yaml', '/var/lib/kubelet/kubeadm-flags.env'];

/** Beside the usual places: whatever else the scan found to be named by units, and the units themselves. */
function placesOf(site: Site): string[] {
  const { files, components } = nodeOf(site);
  const units = components.flatMap(({ unit }) => (unit === undefined ? [] : [unit.file, ...unit.dropIns, ...unit.environmentFiles]));
  const others = units.length < 2 ? [] : [...files.map(({ path }) => path), ...units];
  return [...usual, ...new Set(others.filter((path) => path !== '' && !usual.some((place) => path === place || path.startsWith(`${place}/`))))];
}
const artefact = (node: string): string => `backup-${node}.json`;

export const backUpNodes: StepKind<z.infer<typeof params>> = {
  name: 'back-up-nodes',
  targets: 'nodes',
  params,
  ...readsOnly,

  async preflight(site) {
    await site.checkpoints.prove();
    return [];
  },

  async apply(site) {
    if (site.artefacts.get(artefact(site.target)) !== undefined) return;
    // The archive is a file first, so that it can be read again and an error of tar is seen; it goes when the script ends.
    // It holds private keys: it travels as base64 on standard output, is kept out of every log, and is encrypted before it is written here.
    const out = await site.shell.must(
      `set -eu; umask 077; mkdir -p '${stagingDir(site)}'; a='${stagingDir(site)}/backup.tar.gz'; trap 'rm -f "$a"' EXIT
cd /; l=""; for f in ${placesOf(site).join(' ')}; do [ ! -e "$f" ] || l="$l \${f#/}"; done
tar --numeric-owner --exclude='etc/kubernetes/tmp' -czf "$a" $l
tar -tzf "$a" >/dev/null; base64 -w0 "$a"`,
      { ...limitsOf(site, 60_000), secretOutput: true },
    );
    const bytes = Buffer.from(out, 'base64');
    // An artefact is written once: a list with gaps must not become one.
    const hashes = await hashManifest(site);
    const saved = await site.checkpoints.saveBlob(`backup-${site.target}-${site.run.attempt}.tar.gz`, bytes);
    site.artefacts.put(artefact(site.target), `${JSON.stringify({ ...saved, bytes: bytes.length, files: hashes }, null, 2)}\n`);
    site.tell(`backup of ${site.target}: ${Object.keys(hashes).length} files, ${bytes.length} bytes, encrypted in ${saved.ref}`);
  },

  async inspect(site) {
    return site.artefacts.get(artefact(site.target)) === undefined ? 'absent' : 'present';
  },

  async verify(site) {
    const text = site.artefacts.get(artefact(site.target));
    const files = text === undefined ? 0 : Object.keys((JSON.parse(text) as { files: object }).files).length;
    if (files > 0) return [];
    return [
      failure('file-missing', {
        target: site.target,
        summary: 'the backup is empty',
        cause: 'its list holds no file',
        nextAction: 'Look at /etc/kubernetes on the node, then run "rotate-ca resume".',
      }),
    ];
  },

  async undo() {
    // A backup stays.
  },
};

/**
 * path -> SHA-256, for the comparison after a rollback. Throws command-failed when any file cannot be read: find ends with an error if a command
 * of `-exec ... +` did (POSIX). Throws file-missing when there are none.
 */
async function hashManifest(site: Site): Promise<Record<string, string>> {
  const out = await site.shell.must(
    `l=""; for f in ${placesOf(site).join(' ')}; do [ ! -e "$f" ] || l="$l $f"; done
[ -z "$l" ] || find $l -path /etc/kubernetes/tmp -prune -o -type f -exec sha256sum {} +`,
    limitsOf(site, 60_000),
  );
  const hashes = out
    .split('\n')
    .filter((l) => l.length > 66)
    .map((l) => [l.slice(66), l.slice(0, 64)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (hashes.length > 0) return Object.fromEntries(hashes);
  return fail('file-missing', {
    target: site.target,
    summary: 'there is nothing to back up',
    cause: `none of ${placesOf(site).join(', ')} holds a file`,
    nextAction: 'Look at /etc/kubernetes on the node, then run "rotate-ca resume".',
  });
}
