/** verify-distrust: a sweep of all nodes and objects, and of behaviour: nobody accepts the outgoing CA any more, and everything works with the incoming one. */

import { z } from 'zod';
import type { Inventory } from '../../domain/cluster/inventory.js';
import { fileOf, nodesWith } from '../../domain/cluster/inventory.js';
import { failure, type Failure } from '../../domain/errors.js';
import { askSigner, signerFailure } from '../../operations/csr-api.js';
import { apiPort, apiServerOf, askApiServer, askKubelet, type Verdict } from '../../operations/identity-probe.js';
import { removeLeftovers } from '../../operations/leftovers.js';
import { outgoingWitness } from '../../operations/outgoing-witness.js';
import { podsHoldingEarlierTrust } from '../../operations/pods.js';
import { publicationOf } from '../../operations/publication.js';
import { readsOnly } from '../../operations/reads-only.js';
import { artefactNames, paths, stagingDir } from '../../operations/run-files.js';
import { caPem, fingerprintOf } from '../../operations/trust-bundles.js';
import { limitsOf, msLeft } from '../../operations/waiting.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({
  signer: z.boolean().default(true).describe('Have a request signed by kube-controller-manager too: false where it signs nothing, because the key of the CA is with the issuer.'),
});

export const verifyDistrust: StepKind<z.infer<typeof params>> = {
  name: 'verify-distrust',
  targets: 'cluster',
  params,
  staged: 'removes',
  ...readsOnly,
  effects: () => [{ type: 'trusts', verifier: 'pods', cas: ['incoming'] }],

  async apply(site) {
    site.access.trustOnly(caPem(site, 'incoming'));
    for (const node of site.inventory.nodes) {
      const shell = site.shells.to(node.name);
      await removeLeftovers(shell, limitsOf(site, 20_000));
      // Staged keys have done their work; what a way back needs is in the checkpoints.
      await shell.must(`rm -rf '${stagingDir(site)}'; rmdir /var/lib/rotate-ca 2>/dev/null; true`, limitsOf(site, 20_000));
    }
  },

  async inspect() {
    return 'absent';
  },

  async verify(site, p) {
    // One after the other: what proves that nothing is broken must not be what slows the control plane down.
    const inventory = await site.observe();
    const failures = [...leftIn(site, inventory), ...(await refused(site)), ...(await outgoingOnlyClient(site))];
    const signer = p.signer ? await askSigner(site) : 'incoming';
    failures.push(...(signer === 'incoming' ? [] : [signerFailure(site, 'incoming', signer)]), ...(await logs(site)));
    if (failures.length === 0 && site.artefacts.get(artefactNames.finalReport) === undefined) {
      const report = await remaining(site, inventory);
      site.artefacts.put(artefactNames.finalReport, report);
      site.tell(report.trim());
    }
    return failures;
  },

  async undo(site) {
    site.access.trustAlso(caPem(site, 'outgoing'));
  },
};

/** The outgoing CA, or a leaf that it signed, in any file or object. Leaves are told by their AKI and issuer, and by fingerprint for CAs. */
function leftIn(site: Site, inventory: Inventory): Failure[] {
  const outgoing = fingerprintOf(caPem(site, 'outgoing'));
  const record = inventory.nodes
    .flatMap((n) => n.files)
    .flatMap((f) => f.certificates)
    .find((c) => c.fingerprint === outgoing);
  const before =
    site.inventory.nodes
      .flatMap((n) => n.files)
      .flatMap((f) => f.certificates)
      .find((c) => c.fingerprint === outgoing) ?? record;
  const ofOutgoing = (c: { fingerprint: string; aki: string; issuer: string }): boolean =>
    c.fingerprint === outgoing || (before !== undefined && c.issuer === before.subject && (c.aki === '' || before.ski === '' || c.aki === before.ski));
  const failures: Failure[] = [];
  const left = (target: string, where: string, what: string): void => {
    failures.push(
      failure('outgoing-left', {
        target,
        summary: `${where} still holds ${what}`,
        cause: 'it was not part of the plan, or something put it back',
        nextAction: 'Look at who writes it; then run "rotate-ca resume".',
      }),
    );
  };
  for (const node of inventory.nodes) {
    for (const file of node.files) {
      for (const c of [...file.certificates, ...(file.client === undefined ? [] : [file.client])]) if (ofOutgoing(c)) left(node.name, file.path, c.subject);
    }
  }
  for (const object of inventory.objects) {
    for (const c of object.certificates) if (ofOutgoing(c)) left(`${object.kind} ${object.namespace}/${object.name}`, object.field, c.subject);
  }
  return failures;
}

/** The operator's kubeconfig of before is refused by each API server and each kubelet, alone and with the CA sent along. */
async function refused(site: Site): Promise<Failure[]> {
  const original = await outgoingWitness(site);
  if (original === undefined) {
    site.tell('NOT PROVED that certificates of the outgoing CA are refused: the kubeconfig was replaced in the middle of the run, and no other certificate of it is at hand');
    return [];
  }
  const chains = [original, { ...original, certificatePem: `${original.certificatePem}\n${caPem(site, 'outgoing')}` }];
  const questions = chains.flatMap((credential) => [
    ...nodesWith(site.inventory, 'control-plane').map((node) => ({ who: `kube-apiserver on ${node.name}`, ask: () => askApiServer(site, node, credential) })),
    ...site.inventory.nodes.map((node) => ({ who: `kubelet on ${node.name}`, ask: () => askKubelet(site, node, credential) })),
  ]);
  const answers: { who: string; verdict: Verdict }[] = [];
  for (const { who, ask } of questions) answers.push({ who, verdict: await ask() });
  return answers
    .filter((a) => a.verdict !== 'refused')
    .map((a) =>
      failure('distrust-failed', {
        target: a.who,
        summary: 'it does not refuse a client certificate of the outgoing CA',
        cause: `it was ${a.verdict}`,
        nextAction: 'Compare ca.crt there with what was written, then run "rotate-ca resume".',
      }),
    );
}

/** A client that trusts the outgoing CA alone must fail its handshake; one that trusts the incoming alone must not. */
async function outgoingOnlyClient(site: Site): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const node of nodesWith(site.inventory, 'control-plane')) {
    const at = { host: node.internalIp, port: apiPort(node) };
    for (const [name, wanted] of [
      ['outgoing', false],
      ['incoming', true],
    ] as const) {
      const verdict = await site.tls.verifies(at, { caPem: caPem(site, name), deadlineMs: msLeft(site, 5000), signal: site.signal });
      if (verdict.ok === wanted) continue;
      failures.push(
        failure(wanted ? 'chain-broken' : 'distrust-failed', {
          target: node.name,
          summary: `a client that trusts the ${name} CA alone ${wanted ? 'cannot connect' : 'still connects'}`,
          cause: verdict.ok ? '' : verdict.error,
          nextAction: 'Look at apiserver.crt there, then run "rotate-ca resume".',
        }),
      );
    }
  }
  return failures;
}

/** kubectl logs works on every node, through every API server. */
async function logs(site: Site): Promise<Failure[]> {
  const call = limitsOf(site, 15_000);
  const pods = await site.access.kube().list({ apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system' }, call);
  const failures: Failure[] = [];
  for (const node of site.inventory.nodes) {
    const pod = pods.find((p) => (p.spec as { nodeName?: string }).nodeName === node.name && (p.status as { phase?: string }).phase === 'Running');
    if (pod === undefined) continue;
    const container = (pod.spec as { containers: { name: string }[] }).containers[0]?.name ?? '';
    for (const server of nodesWith(site.inventory, 'control-plane')) {
      const answer = await site.access.kube().at(apiServerOf(server)).get(`/api/v1/namespaces/kube-system/pods/${pod.metadata.name}/log?container=${container}&tailLines=1`, call);
      if (answer.status === 200) continue;
      failures.push(
        failure('chain-broken', {
          target: node.name,
          summary: `logs do not work through kube-apiserver on ${server.name}`,
          cause: `HTTP ${answer.status}`,
          nextAction: 'Look at apiserver-kubelet-client.crt there, then run "rotate-ca resume".',
        }),
      );
    }
  }
  return failures;
}

/** Where the outgoing CA still is, for the operator: it cannot sign anything that is accepted, but it is not gone before `finalize`. */
async function remaining(site: Site, inventory: Inventory): Promise<string> {
  const published = publicationOf(site, ['incoming']);
  const pods = published === undefined ? [] : await podsHoldingEarlierTrust(site, published);
  const hasKey = nodesWith(site.inventory, 'control-plane').some((node) => fileOf(node, paths.caKey) !== undefined);
  const lines = [
    'Every file and object of the cluster chains to the incoming CA only.',
    `Swept: ${inventory.nodes.length} nodes, ${inventory.nodes.reduce((n, x) => n + x.files.length, 0)} files, ${inventory.objects.length} objects.`,
    '',
    'The outgoing CA is still in:',
    `- the encrypted checkpoints and backups of this run (${hasKey ? 'its key too' : 'keys of its leaves too'}), until "rotate-ca finalize"`,
    '- kubeconfigs outside the cluster: of people, CI, monitoring; they are refused now',
    ...(pods.length === 0 ? [] : [`- the memory of ${pods.length} pods that loaded both CAs, until they are restarted:`]),
    ...pods.map((p) => `    ${p.namespace}/${p.name} on ${p.node}`),
  ];
  return `${lines.join('\n')}\n`;
}
