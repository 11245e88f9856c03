/** renew-admins: admin.conf and super-admin.conf on the control planes. Nothing restarts: they are read at each use. */

import { z } from 'zod';
import { readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import { failure, type Failure } from '../../domain/errors.js';
import { rewriteKubeconfig } from '../../operations/kubeconfig-on-node.js';
import { readKeyType, readSubject, stageLeaf } from '../../operations/leaf-on-node.js';
import { restoreFiles, saveFiles } from '../../operations/node-files.js';
import { paths } from '../../operations/run-files.js';
import { bundlePem, signerOf } from '../../operations/trust-bundles.js';
import { identity, trusts } from '../../operations/trust-params.js';
import { limitsOf } from '../../operations/waiting.js';
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
    for (const { name, path } of confs) {
      const text = await textOf(site, path);
      if (text === undefined) continue;
      const pem = readKubeconfig(text, path).clientCertificatePem;
      const wish =
        pem === undefined || p.identity === 'keep' ? undefined : { name, keyType: readKeyType(pem), ...readSubject(pem), sans: [], usages: ['clientAuth'] as const, ttlMs: yearMs };
      const leaf = wish === undefined ? undefined : await stageLeaf(site, wish);
      await rewriteKubeconfig(site, path, { caPem: bundlePem(site, p.trusts), ...(leaf === undefined ? {} : { leaf }) });
    }
  },

  async inspect(site, p): Promise<Inspection> {
    const states = (await Promise.all(confs.map(({ path }) => isAsWanted(site, p, path)))).filter((state) => state !== undefined);
    if (states.every((s) => s === true)) return 'present';
    return states.some((s) => s === true) ? 'partial' : 'absent';
  },

  async verify(site, p) {
    const failures: Failure[] = [];
    for (const { path } of confs) {
      const state = await isAsWanted(site, p, path);
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

async function textOf(site: Site, path: string): Promise<string | undefined> {
  const file = await site.shell.readFile(path, limitsOf(site, 30_000));
  return file === undefined ? undefined : Buffer.from(file.bytes).toString('utf8');
}

/** true, or what differs. Not every node has both files: undefined for one that is not there. */
async function isAsWanted(site: Site, p: Params, path: string): Promise<true | string | undefined> {
  const text = await textOf(site, path);
  if (text === undefined) return undefined;
  const read = readKubeconfig(text, path);
  if (read.caPem?.trim() !== bundlePem(site, p.trusts).trim()) return 'it trusts other CAs';
  if (p.identity === 'incoming' && read.clientCertificatePem !== undefined && signerOf(site, read.clientCertificatePem) !== 'incoming') {
    return 'its client certificate is not of the incoming CA';
  }
  return true;
}
