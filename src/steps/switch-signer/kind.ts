/** switch-signer: from here on the incoming CA signs requests, and kubeadm finds it first in ca.crt. */

import { z } from 'zod';
import { RotationError } from '../../domain/errors.js';
import { askSigner, signerFailure } from '../../operations/csr-api.js';
import { restoreFiles, rewriteFile, saveFiles } from '../../operations/node-files.js';
import { paths, stagingDir } from '../../operations/run-files.js';
import { bundlePem, caPem, type CaName } from '../../operations/trust-bundles.js';
import { msLeft, waitFor } from '../../operations/waiting.js';
import type { Inspection, Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({});

/** Keys before certificates: a pair that does not match is rejected and the one before stays in use (tls.X509KeyPair), in both directions. */
const files = [paths.signingKey, paths.caKey, paths.signingCa, paths.ca];

export const switchSigner: StepKind<z.infer<typeof params>> = {
  name: 'switch-signer',
  targets: 'control-planes',
  params,
  effects: () => [{ type: 'presents', presenter: 'csr-signer', ca: 'incoming' }],

  async preflight() {
    return [];
  },

  async checkpoint(site) {
    return { files: await saveFiles(site.shell, files, limits(site)), objects: [], notes: {} };
  },

  async apply(site) {
    const staged = `${stagingDir(site)}/incoming-ca.key`;
    // The key is already on this node: it is copied here, not sent again.
    await site.shell.must(
      `set -eu; umask 077; for to in '${paths.signingKey}' '${paths.caKey}'; do
cmp -s '${staged}' "$to" && continue
t=$(mktemp "$(dirname "$to")/.rotate-ca.XXXXXX.tmp"); chown --reference="$to" "$t"; chmod --reference="$to" "$t"
cat '${staged}' > "$t"; sync "$t"; mv -fT "$t" "$to"; done; sync '${paths.signingKey.replace(/\/[^/]*$/, '')}'`,
      limits(site),
    );
    await rewriteFile(site.shell, paths.signingCa, caPem(site, 'incoming'), { mode: '0644', uid: 0, gid: 0 }, limits(site));
    // kubeadm takes the first certificate of ca.crt as the one that ca.key belongs to (pkiutil TryLoadCertFromDisk).
    await rewriteFile(site.shell, paths.ca, bundlePem(site, ['incoming', 'outgoing']), { mode: '0644', uid: 0, gid: 0 }, limits(site));
  },

  async inspect(site): Promise<Inspection> {
    const found = await site.shell.readFiles([paths.signingCa, paths.ca], limits(site));
    const text = (path: string): string => Buffer.from(found.get(path)?.bytes ?? '').toString('utf8');
    const states = [text(paths.signingCa) === caPem(site, 'incoming'), text(paths.ca) === bundlePem(site, ['incoming', 'outgoing'])];
    return states.every((s) => s) ? 'present' : states.some((s) => s) ? 'partial' : 'absent';
  },

  verify(site) {
    return waitForSigner(site, 'incoming');
  },

  async undo(site, _p, checkpoint) {
    await restoreFiles(site.shell, checkpoint.files, limits(site));
    const failures = await waitForSigner(site, 'outgoing');
    if (failures.length > 0) throw new RotationError(failures);
  },
};

function limits(site: Site): { deadlineMs: number; signal: AbortSignal } {
  return { deadlineMs: msLeft(site, 30_000), signal: site.signal };
}

function waitForSigner(site: Site, wanted: CaName): ReturnType<typeof waitFor> {
  return waitFor(
    site,
    {
      what: `requests are signed by the ${wanted} CA`,
      rule: 'H: the signer re-reads its pair when the file changes',
      everyMs: 1000,
      otherwise: { code: 'trust-not-loaded', nextAction: signerFailure(site, wanted, 'unknown').nextAction },
    },
    async () => {
      const is = await askSigner(site);
      return is === wanted ? true : signerFailure(site, wanted, is).cause;
    },
  );
}
