/** set-server-trust: ca.crt of every node, which API servers and kubelets load hot to verify client certificates. */

import { z } from 'zod';
import { failure, failuresOf, RotationError, type Failure } from '../../domain/errors.js';
import { readFlags } from '../../domain/cluster/manifest.js';
import { filePlace } from '../../domain/trust/names.js';
import { askApiServer, askKubelet, incomingProbe, isControlPlane, nodeOf, type Verdict } from '../../operations/identity-probe.js';
import { restoreFiles, rewriteFile, savedText, saveFiles } from '../../operations/node-files.js';
import { outgoingWitness } from '../../operations/outgoing-witness.js';
import { paths } from '../../operations/run-files.js';
import { bundlePem, caPem, type CaName } from '../../operations/trust-bundles.js';
import { trusts } from '../../operations/trust-params.js';
import { readManifest } from '../../operations/static-pod.js';
import { limitsOf, waitFor } from '../../operations/waiting.js';
import type { Site, StepKind } from '../../ports/step-kind.js';
import type { ClientCredential } from '../../ports/tls-probe.js';

const params = z.strictObject({ trusts });

type Params = z.infer<typeof params>;

const rule = 'H: inotify on ca.crt, re-check every 60 s (apiserver dynamic_cafile_content.go; kubelet server/auth.go)';

export const setServerTrust: StepKind<Params> = {
  name: 'set-server-trust',
  targets: 'nodes',
  params,
  effects: (p) => [{ type: 'trusts', verifier: 'servers', cas: p.trusts }],

  changes: (p, { target }) => [{ type: 'trust', place: filePlace(target, paths.ca), cas: p.trusts }],

  leaves: () => [paths.ca],

  async preflight(site, p) {
    const failures: Failure[] = [];
    if (p.trusts.length > 1 && isControlPlane(site, site.target)) {
      const manifest = await readManifest(site, 'kube-controller-manager');
      if (typeof manifest !== 'string') failures.push(manifest);
      else if (readFlags(manifest)['cluster-signing-cert-file'] === paths.ca) {
        failures.push(
          failure('layout-unsupported', {
            target: site.target,
            summary: 'kube-controller-manager still signs with ca.crt, which must not become a bundle',
            cause: 'it reads one certificate, and would crash at its next start (pkg/controller/certificates/signer/ca_provider.go)',
            nextAction: 'The step renew-control-plane with signer: split must come first.',
          }),
        );
      }
    }
    if (!p.trusts.includes('outgoing')) failures.push(...(await engineIsIncoming(site)));
    return failures;
  },

  async checkpoint(site) {
    return { files: await saveFiles(site.shell, [paths.ca], limitsOf(site, 30_000)), objects: [], notes: {} };
  },

  async apply(site, p) {
    await rewriteFile(site.shell, paths.ca, bundlePem(site, p.trusts), { mode: '0644', uid: 0, gid: 0 }, limitsOf(site, 30_000));
  },

  async inspect(site, p) {
    const file = await site.shell.readFile(paths.ca, limitsOf(site, 30_000));
    return file !== undefined && Buffer.from(file.bytes).toString('utf8') === bundlePem(site, p.trusts) ? 'present' : 'absent';
  },

  async verify(site, p) {
    const failures = await proveTrust(site, p.trusts, await incomingProbe(site));
    if (failures.length === 0 && (await this.inspect(site, p)) !== 'present') {
      failures.push(
        failure('file-changed', {
          target: site.target,
          summary: `${paths.ca} is not what was written`,
          cause: 'something else writes it, too',
          nextAction: 'Find out who writes it, stop it, then run "rotate-ca resume".',
        }),
      );
    }
    return failures;
  },

  async undo(site, p, checkpoint) {
    const before = namesIn(site, savedText(checkpoint.files, paths.ca) ?? '');
    if (p.trusts.includes('outgoing') && before.includes('incoming')) {
      // A node that joined in the middle of the run: its file never held the outgoing CA alone, but that is where everybody goes back to.
      await rewriteFile(site.shell, paths.ca, bundlePem(site, ['outgoing']), { mode: '0644', uid: 0, gid: 0 }, limitsOf(site, 30_000));
      await mustProve(site, ['outgoing']);
      return;
    }
    await restoreFiles(site.shell, checkpoint.files, limitsOf(site, 30_000));
    if (before.length > 0) await mustProve(site, before);
  },
};

function namesIn(site: Site, bundle: string): CaName[] {
  const body = (pem: string): string => pem.replace(/\s+/g, '');
  return (['outgoing', 'incoming'] as const).filter((name) => body(bundle).includes(body(caPem(site, name))));
}

/** The way back must not need the issuer: where none answers, acceptance of the outgoing CA is proof enough, and that is told. */
async function mustProve(site: Site, expected: readonly CaName[]): Promise<void> {
  const incoming = await incomingProbe(site).catch((error: unknown) => {
    if (failuresOf(error) === undefined) throw error;
    site.tell('the issuer does not answer: that the incoming CA is refused again could not be asked; what is on disk is put back');
    return undefined;
  });
  const failures = await proveTrust(site, expected, incoming);
  if (failures.length > 0) throw new RotationError(failures);
}

/** Each CA in the list is accepted by the servers of this node, and the other one is not. */
async function proveTrust(site: Site, expected: readonly CaName[], incoming: ClientCredential | undefined): Promise<Failure[]> {
  const node = nodeOf(site);
  const outgoing = await outgoingWitness(site);
  const failures: Failure[] = [];
  const servers: { name: string; ask: (c: ClientCredential) => Promise<Verdict> }[] = [{ name: 'kubelet', ask: (c) => askKubelet(site, node, c) }];
  if (isControlPlane(site, site.target)) servers.push({ name: 'kube-apiserver', ask: (c) => askApiServer(site, node, c) });
  const questions = servers.flatMap((server) => [
    ...(incoming === undefined ? [] : [{ server, ca: 'incoming' as const, credential: incoming }]),
    ...(outgoing === undefined ? [] : [{ server, ca: 'outgoing' as const, credential: outgoing }]),
  ]);
  const answers = await Promise.all(
    questions.map(({ server, ca, credential }) => {
      const wanted: Verdict = expected.includes(ca) ? 'named' : 'refused';
      return waitFor(
        site,
        {
          what: `${server.name} on ${site.target} ${wanted === 'named' ? 'accepts' : 'refuses'} a client certificate of the ${ca} CA`,
          rule,
          everyMs: 500,
          otherwise: {
            code: wanted === 'named' ? 'trust-not-loaded' : 'distrust-failed',
            nextAction: `Compare ${paths.ca} on ${site.target} with the flags of ${server.name}, then run "rotate-ca resume" or "rotate-ca rollback".`,
          },
        },
        async () => {
          const verdict = await server.ask(credential);
          return verdict === wanted ? true : `it was ${verdict}`;
        },
      );
    }),
  );
  failures.push(...answers.flat());
  return failures;
}

/** Own-credential rule: narrow trust only with a credential of the incoming CA in hand, proved at this very node. */
async function engineIsIncoming(site: Site): Promise<Failure[]> {
  const node = nodeOf(site);
  const verdict = await askKubelet(site, node, await incomingProbe(site));
  if (verdict === 'named') return [];
  return [
    failure('trust-not-loaded', {
      target: site.target,
      summary: 'the kubelet does not accept the incoming CA, so the outgoing one must not be taken away',
      cause: `it was ${verdict}`,
      nextAction: 'Run "rotate-ca resume" when the node is back, or "rotate-ca rollback".',
    }),
  ];
}
