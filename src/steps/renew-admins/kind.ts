/** renew-admins: admin.conf and super-admin.conf on the control planes. Nothing restarts: they are read at each use. */

import { z } from 'zod';
import { readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import { filePlace } from '../../domain/trust/names.js';
import { failure, type Failure } from '../../domain/errors.js';
import { rewriteKubeconfig } from '../../operations/kubeconfig-on-node.js';
import { readKeyType, readSubject, stageLeaf } from '../../operations/leaf-on-node.js';
import { restoreFiles, saveFiles, textOf } from '../../operations/node-files.js';
import { paths } from '../../operations/run-files.js';
import { bundlePem, signerOf } from '../../operations/trust-bundles.js';
import { identity, trusts } from '../../operations/trust-params.js';
import { limitsOf } from '../../operations/waiting.js';
import type { FileContent } from '../../ports/node-shell.js';
import type { Inspection, Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({ trusts, identity });

type Params = z.infer<typeof params>;

/** super-admin.conf is on the first control plane only (kubeadm >= 1.29). */
const confs = [
  { name: 'admin', path: paths.adminConf },
  { name: 'super-admin', path: paths.superAdminConf },
] as const;

const yearMs = 365 * 24 * 3600_000;

export const renewAdmins: StepKind<Params> = {
  name: 'renew-admins',
  targets: 'control-planes',
  params,
  effects: (p) => [
    { type: 'trusts', verifier: 'admins', cas: p.trusts },
    ...(p.identity === 'incoming' ? [{ type: 'presents', presenter: 'admins', ca: 'incoming' } as const] : []),
  ],

  changes: (p, { inventory, target }) =>
    confs
      .filter(({ path }) => inventory.nodes.some(({ name, files }) => name === target && files.some((file) => file.path === path)))
      .flatMap(({ path }) => [
        { type: 'trust', place: filePlace(target, path, 'ca'), cas: p.trusts } as const,
        ...(p.identity === 'incoming' ? [{ type: 'leaf', place: filePlace(target, path, 'client'), ca: 'incoming' } as const] : []),
      ]),

  /** One after the other: an RSA key takes a processor for a moment, and nobody waits for these files. */
  waves: async (targets) => targets.map((target) => [target]),

  leaves: () => confs.map((c) => c.path),

  async preflight() {
    return [];
  },

  async checkpoint(site) {
    return {
      files: await saveFiles(
        site.shell,
        confs.map((c) => c.path),
        limitsOf(site, 30_000),
      ),
      objects: [],
      notes: {},
    };
  },

  async apply(site, p) {
    const found = await filesOf(site);
    for (const { name, path } of confs) {
      const seen = found.get(path);
      if (seen === undefined) continue;
      const pem = readKubeconfig(textOf(seen), path).clientCertificatePem;
      const wish =
        pem === undefined || p.identity === 'keep' ? undefined : { name, keyType: readKeyType(pem), ...readSubject(pem), sans: [], usages: ['clientAuth'] as const, ttlMs: yearMs };
      const leaf = wish === undefined ? undefined : await stageLeaf(site, wish);
      await rewriteKubeconfig(site, path, { caPem: bundlePem(site, p.trusts), ...(leaf === undefined ? {} : { leaf }) }, seen);
    }
  },

  async inspect(site, p): Promise<Inspection> {
    const found = await filesOf(site);
    const states = confs.map(({ path }) => isAsWanted(site, p, path, textOf(found.get(path)))).filter((state) => state !== undefined);
    if (states.every((s) => s === true)) return 'present';
    return states.some((s) => s === true) ? 'partial' : 'absent';
  },

  async verify(site, p) {
    const failures: Failure[] = [];
    const found = await filesOf(site);
    for (const { path } of confs) {
      const state = isAsWanted(site, p, path, textOf(found.get(path)));
      if (state === true || state === undefined) continue;
      failures.push(
        failure('file-changed', {
          target: site.target,
          summary: `${path} is not what was written`,
          cause: state,
          nextAction: 'Find out who writes it, stop it, then run "rotate-ca resume".',
        }),
      );
    }
    return failures;
  },

  async undo(site, _p, checkpoint) {
    await restoreFiles(site.shell, checkpoint.files, limitsOf(site, 30_000));
  },
};

function filesOf(site: Site): Promise<Map<string, FileContent>> {
  return site.shell.readFiles(
    confs.map(({ path }) => path),
    limitsOf(site, 30_000),
  );
}

/** true, or what differs. Not every node has both files: undefined for one that is not there. */
function isAsWanted(site: Site, p: Params, path: string, text: string | undefined): true | string | undefined {
  if (text === undefined) return undefined;
  const read = readKubeconfig(text, path);
  if (read.caPem?.trim() !== bundlePem(site, p.trusts).trim()) return 'it trusts other CAs';
  if (p.identity === 'incoming' && read.clientCertificatePem !== undefined && signerOf(site, read.clientCertificatePem) !== 'incoming') {
    return 'its client certificate is not of the incoming CA';
  }
  return true;
}
