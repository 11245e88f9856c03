/** reissue-leaves: leaves of the API server from the incoming CA, with the subject and SANs of those in use. No restart: they are loaded hot. */

import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { filePlace } from '../../domain/trust/names.js';
import { failure, RotationError, type Failure } from '../../domain/errors.js';
import { reachesEveryKubelet } from '../../operations/api-to-kubelet.js';
import { apiPort, apiTrust, nodeOf } from '../../operations/identity-probe.js';
import { readKeyType, readSans, readSubject, stageLeaf } from '../../operations/leaf-on-node.js';
import { restoreFiles, saveFiles } from '../../operations/node-files.js';
import { pki, stagingDir } from '../../operations/run-files.js';
import { caPem, fingerprintOf, signerOf } from '../../operations/trust-bundles.js';
import { limitsOf, msLeft, waitFor } from '../../operations/waiting.js';
import type { Inspection, Site, StepKind } from '../../ports/step-kind.js';

const certificate = z.enum(['apiserver', 'apiserver-kubelet-client']);

const params = z.strictObject({ certificates: z.array(certificate).min(1).describe('Names of kubeadm: file names under /etc/kubernetes/pki, without ending.') });

type Params = z.infer<typeof params>;
type Name = z.infer<typeof certificate>;

const usages = { apiserver: ['serverAuth'], 'apiserver-kubelet-client': ['clientAuth'] } as const;
const yearMs = 365 * 24 * 3600_000;
const crtOf = (name: Name): string => `${pki}/${name}.crt`;
const keyOf = (name: Name): string => `${pki}/${name}.key`;

export const reissueLeaves: StepKind<Params> = {
  name: 'reissue-leaves',
  targets: 'control-planes',
  params,
  effects: (p) => p.certificates.map((name) => ({ type: 'presents', presenter: name === 'apiserver' ? 'api-servers' : 'api-servers-to-kubelets', ca: 'incoming' })),

  changes: (p, { target }) => p.certificates.map((name) => ({ type: 'leaf', place: filePlace(target, crtOf(name)), ca: 'incoming' }) as const),

  leaves: (p) => p.certificates.flatMap((name) => [crtOf(name), keyOf(name)]),

  async preflight(site, p) {
    const failures: Failure[] = [];
    for (const name of p.certificates) {
      if ((await readLeaf(site, name)) === undefined) {
        failures.push(
          failure('file-missing', {
            target: site.target,
            summary: `${crtOf(name)} is missing`,
            cause: 'kubeadm puts it there on every control plane',
            nextAction: 'This playbook is for kubeadm control planes.',
          }),
        );
      }
    }
    return failures;
  },

  async checkpoint(site, p) {
    // Keys first: restored in this order, as they are written.
    return { files: await saveFiles(site.shell, [...p.certificates.map(keyOf), ...p.certificates.map(crtOf)], limitsOf(site, 30_000)), objects: [], notes: {} };
  },

  async apply(site, p) {
    for (const name of p.certificates) {
      const pem = await readLeaf(site, name);
      if (pem === undefined || (signerOf(site, pem) === 'incoming' && (await pairMatches(site, name)))) continue;
      const leaf = await stageLeaf(site, { name, keyType: readKeyType(pem), ...readSubject(pem), sans: readSans(pem), usages: usages[name], ttlMs: yearMs });
      // Key, then certificate, each by rename: in between the pair does not match and the one before stays loaded.
      await site.shell.must(
        `set -eu; umask 077
put() { t=$(mktemp '${pki}/.rotate-ca.XXXXXX.tmp'); chown --reference="$2" "$t"; chmod --reference="$2" "$t"; cat "$1" > "$t"; sync "$t"; mv -fT "$t" "$2"; }
put '${leaf.keyPath}' '${keyOf(name)}'; put '${leaf.keyPath.replace(/\.key$/, '.crt')}' '${crtOf(name)}'; sync '${pki}'`,
        limitsOf(site, 30_000),
      );
    }
  },

  async inspect(site, p): Promise<Inspection> {
    const states: boolean[] = [];
    for (const name of p.certificates) {
      const pem = await readLeaf(site, name);
      states.push(pem !== undefined && signerOf(site, pem) === 'incoming' && (await pairMatches(site, name)));
    }
    return states.every((s) => s) ? 'present' : states.some((s) => s) ? 'partial' : 'absent';
  },

  async verify(site, p) {
    const failures: Failure[] = [];
    for (const name of p.certificates) {
      const pem = await readLeaf(site, name);
      if (pem === undefined || signerOf(site, pem) !== 'incoming') {
        failures.push(
          failure('file-changed', {
            target: site.target,
            summary: `${crtOf(name)} is not of the incoming CA`,
            cause: 'something else has written it since, or taken it away',
            nextAction: 'Find out who writes it, stop it, then run "rotate-ca resume".',
          }),
        );
        continue;
      }
      const proof = name === 'apiserver' ? await proveServing(site, pem) : await reachesEveryKubelet(site);
      // Last: what was loaded before another hand came proves nothing of the next start.
      failures.push(...(proof.length === 0 && !(await pairMatches(site, name)) ? [putBack(site, name)] : proof));
    }
    return failures;
  },

  async undo(site, p, checkpoint) {
    await restoreFiles(site.shell, checkpoint.files, limitsOf(site, 30_000));
    for (const name of p.certificates) {
      const pem = await readLeaf(site, name);
      if (pem === undefined || name !== 'apiserver') continue;
      const failures = await provePresented(site, pem);
      if (failures.length > 0) throw new RotationError(failures);
    }
  },
};

async function readLeaf(site: Site, name: Name): Promise<string | undefined> {
  const file = await site.shell.readFile(crtOf(name), limitsOf(site, 30_000));
  return file === undefined ? undefined : Buffer.from(file.bytes).toString('utf8');
}

/** Key and certificate in place are the pair that was staged: another hand may have put back either of them. */
async function pairMatches(site: Site, name: Name): Promise<boolean> {
  const staged = `${stagingDir(site)}/${name}`;
  const out = await site.shell.must(
    `set -eu; hash() { if [ -e "$1" ]; then sha256sum < "$1"; else echo "$1 is missing"; fi; }
differ() { a=$(hash "$1"); b=$(hash "$2"); [ "$a" = "$b" ] || echo differs; }
differ '${staged}.key' '${keyOf(name)}'; differ '${staged}.crt' '${crtOf(name)}'`,
    limitsOf(site, 30_000),
  );
  return out.trim() === '';
}

function putBack(site: Site, name: Name): Failure {
  return failure('file-changed', {
    target: site.target,
    summary: `${keyOf(name)} and ${crtOf(name)} are not the pair that was put in place`,
    cause: 'something else has written one of them since; the next start of kube-apiserver would fail',
    nextAction: 'Find out who writes it, stop it, then run "rotate-ca resume".',
  });
}

/** The API server itself shows the leaf, with no SAN lost, and it verifies for those who trust the incoming CA alone. */
async function proveServing(site: Site, pem: string): Promise<Failure[]> {
  const failures = await provePresented(site, pem);
  if (failures.length > 0) return failures;
  const node = nodeOf(site);
  for (const [who, trusted] of [
    ['the incoming CA alone', caPem(site, 'incoming')],
    ['both CAs', apiTrust(site)],
  ] as const) {
    const verdict = await site.tls.verifies({ host: node.internalIp, port: apiPort(node) }, { caPem: trusted, deadlineMs: msLeft(site, 5000), signal: site.signal });
    if (verdict.ok) continue;
    failures.push(
      failure('chain-broken', {
        target: site.target,
        summary: `kube-apiserver does not verify for a client that trusts ${who}`,
        cause: verdict.error,
        nextAction: 'Run "rotate-ca rollback".',
      }),
    );
  }
  return failures;
}

function provePresented(site: Site, pem: string): Promise<Failure[]> {
  const node = nodeOf(site);
  const wanted = fingerprintOf(pem);
  const sans = new Set(readSans(pem));
  const before = node.files.find((f) => f.path === crtOf('apiserver'))?.certificates[0]?.sans.length ?? 0;
  return waitFor(
    site,
    {
      what: `kube-apiserver on ${site.target} presents the leaf on its disk`,
      rule: 'H: inotify, re-check every 60 s (apiserver dynamic_serving_content.go)',
      everyMs: 500,
      otherwise: { code: 'leaf-not-presented', nextAction: `Compare ${crtOf('apiserver')} with its key on ${site.target}, then run "rotate-ca resume".` },
    },
    async () => {
      const [leaf] = await site.tls.presentedBy({ host: node.internalIp, port: apiPort(node) }, limitsOf(site, 5000));
      if (leaf === undefined) return 'it presents nothing';
      if (fingerprintOf(leaf) !== wanted) return `it presents serial ${new X509Certificate(leaf).serialNumber}`;
      return sans.size >= before ? true : `SANs were lost: ${before} before, ${sans.size} now`;
    },
  );
}
