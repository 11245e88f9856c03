/** switch-signer: from here on the incoming CA signs requests, and kubeadm finds it first in ca.crt. */

import { z } from 'zod';
import { RotationError } from '../../domain/errors.js';
import { incomingCa } from '../../domain/trust/certificates.js';
import { filePlace } from '../../domain/trust/names.js';
import { askSigner, signerFailure } from '../../operations/csr-api.js';
import { restoreFiles, saveFiles } from '../../operations/node-files.js';
import { paths, pki, stagingDir } from '../../operations/run-files.js';
import { bundlePem, caPem, type CaName } from '../../operations/trust-bundles.js';
import { limitsOf, waitFor } from '../../operations/waiting.js';
import type { Inspection, Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({});

/** Keys before certificates: a pair that does not match is rejected and the one before stays in use (tls.X509KeyPair), in both directions. */
const files = [paths.signingKey, paths.caKey, paths.signingCa, paths.ca] as const;

/** What each of them becomes, in the words of the script of apply. */
const staged: Readonly<Record<(typeof files)[number], string>> = { [paths.signingKey]: '$s', [paths.caKey]: '$s', [paths.signingCa]: '$w/first', [paths.ca]: '$w/both' };

export const switchSigner: StepKind<z.infer<typeof params>> = {
  name: 'switch-signer',
  targets: 'control-planes',
  params,
  effects: () => [{ type: 'presents', presenter: 'csr-signer', ca: 'incoming' }],

  changes: (_p, { target }) => [
    { type: 'put', place: filePlace(target, paths.signingCa), content: [incomingCa] },
    { type: 'trust', place: filePlace(target, paths.ca), cas: ['incoming', 'outgoing'] },
  ],

  leaves: () => [paths.ca, paths.caKey],

  async preflight() {
    return [];
  },

  async checkpoint(site) {
    return { files: await saveFiles(site.shell, files, limitsOf(site, 30_000)), objects: [], notes: {} };
  },

  async apply(site) {
    // The key is already on this node: it is copied here, not sent again. All four are staged first and renamed in one go, because a
    // kube-controller-manager that starts on a pair that does not match crashes. kubeadm takes the first certificate of ca.crt as the
    // one that ca.key belongs to (pkiutil TryLoadCertFromDisk).
    await site.shell.must(
      `set -eu; umask 077; s='${stagedKey(site)}'; w=$(mktemp -d '${stagingDir(site)}/switch.XXXXXX')
trap 'rm -rf "$w" ${files.map(temporary).join(' ')}' EXIT
cat > "$w/both"; sed '/END CERTIFICATE/q' "$w/both" > "$w/first"
stage() { cmp -s "$1" "$3" && return 0; : > "$2"; chown --reference="$1" "$2"; chmod --reference="$1" "$2"; cat "$3" > "$2"; sync "$2"; }
${files.map((file) => `stage ${file} ${temporary(file)} "${staged[file]}"`).join('\n')}
${files.map((file) => `[ ! -e ${temporary(file)} ] || mv -fT ${temporary(file)} ${file}`).join('\n')}
sync ${pki}`,
      { ...limitsOf(site, 30_000), stdin: bundlePem(site, ['incoming', 'outgoing']) },
    );
  },

  async inspect(site): Promise<Inspection> {
    const found = await site.shell.readFiles([paths.signingCa, paths.ca], limitsOf(site, 30_000));
    const text = (path: string): string => Buffer.from(found.get(path)?.bytes ?? '').toString('utf8');
    const keys = await site.shell.must(
      `s='${stagedKey(site)}'; for k in '${paths.signingKey}' '${paths.caKey}'; do cmp -s "$s" "$k" && echo yes || echo no; done`,
      limitsOf(site, 30_000),
    );
    const states = [
      text(paths.signingCa) === caPem(site, 'incoming'),
      text(paths.ca) === bundlePem(site, ['incoming', 'outgoing']),
      ...keys
        .trim()
        .split('\n')
        .map((k) => k === 'yes'),
    ];
    return states.every((s) => s) ? 'present' : states.some((s) => s) ? 'partial' : 'absent';
  },

  verify(site) {
    return waitForSigner(site, 'incoming');
  },

  async undo(site, _p, checkpoint) {
    await stageAgain(site);
    await restoreFiles(site.shell, checkpoint.files, limitsOf(site, 30_000));
    const failures = await waitForSigner(site, 'outgoing');
    if (failures.length > 0) throw new RotationError(failures);
  },
};

function stagedKey(site: Site): string {
  return `${stagingDir(site)}/incoming-ca.key`;
}

/** Beside the file and hidden, named as those of replaceFile, which clears up what was left behind. */
function temporary(path: string): string {
  return path.replace(/\/([^/]*)$/, '/.rotate-ca.$1.switch.tmp');
}

/** The end of a run clears the staging folder. Whoever goes forward again after a way back needs the key of the incoming CA there. */
async function stageAgain(site: Site): Promise<void> {
  const found = await site.shell.readFile(paths.signingCa, limitsOf(site, 30_000));
  if (found === undefined || Buffer.from(found.bytes).toString('utf8') !== caPem(site, 'incoming')) return;
  const s = stagedKey(site);
  await site.shell.must(
    `set -eu; umask 077; [ -e '${s}' ] && exit 0; mkdir -p '${stagingDir(site)}'; cp -p '${paths.signingKey}' '${s}.part'; sync '${s}.part'; mv -fT '${s}.part' '${s}'`,
    limitsOf(site, 30_000),
  );
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
