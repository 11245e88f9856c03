/** What a rehearsal asks the servers itself, beside the proofs of the steps: who lets whom in, before, between and after. */

import { readFileSync } from 'node:fs';
import { openTlsProbe } from '../adapters/tls/tls-probe.js';
import { type Inventory, type NodeRecord, nodesWith } from '../domain/cluster/inventory.js';
import { readKubeconfig } from '../domain/cluster/kubeconfig.js';
import { failuresOf } from '../domain/errors.js';
import { Secret } from '../domain/secret.js';
import { apiPort } from '../operations/identity-probe.js';
import type { ClientCredential } from '../ports/tls-probe.js';

/** `positive`: with the incoming CA alone; `mixed`: while both are trusted; `negative`: what must be refused. */
export type CheckSide = 'positive' | 'mixed' | 'negative';

export interface Check {
  readonly side: CheckSide;
  readonly what: string;
  readonly asked: number;
  /** Who answered otherwise, with the answer. */
  readonly wrong: readonly string[];
}

export interface CheckWorld {
  readonly inventory: Inventory;
  /** PEM of the CAs, one certificate each. */
  readonly outgoingCa: string;
  readonly incomingCa: string;
}

const deadlineMs = 5_000;
const probe = openTlsProbe();

/** Client certificate of a kubeconfig. */
export function credentialIn(kubeconfig: string): ClientCredential {
  const { clientCertificatePem = '', clientKey } = readKubeconfig(kubeconfig);
  return { certificatePem: clientCertificatePem, key: clientKey ?? new Secret('') };
}

/** Every API server and every kubelet is asked with the certificate, over fresh connections. */
export async function letsIn(world: CheckWorld, side: CheckSide, who: string, credential: ClientCredential, wanted: boolean): Promise<Check> {
  const answers = [
    ...nodesWith(world.inventory, 'control-plane').map((node) => ({
      server: `kube-apiserver on ${node.name}`,
      good: wanted ? [201] : [401],
      ask: () => askApi(world, node, { credential }),
    })),
    ...world.inventory.nodes.map((node) => ({ server: `kubelet on ${node.name}`, good: wanted ? [200, 403] : [401], ask: () => askKubelet(node, credential) })),
  ];
  return gathered(side, `${who} ${wanted ? 'is let in by' : 'gets 401 from'} every API server and kubelet`, answers);
}

export async function letsTokenIn(world: CheckWorld, tokenFile: string): Promise<Check> {
  const bearer = new Secret(readFileSync(tokenFile));
  const answers = nodesWith(world.inventory, 'control-plane').map((node) => ({
    server: `kube-apiserver on ${node.name}`,
    good: [201],
    ask: () => askApi(world, node, { bearer }),
  }));
  return gathered('positive', 'a legacy service-account token is accepted by every API server', answers);
}

/** A client that trusts these CAs alone, at each API server. */
export async function verifiesWith(world: CheckWorld, side: CheckSide, who: string, caPem: string, wanted: boolean): Promise<Check> {
  const wrong: string[] = [];
  const nodes = nodesWith(world.inventory, 'control-plane');
  await Promise.all(
    nodes.map(async (node) => {
      const verdict = await probe.verifies({ host: node.internalIp, port: apiPort(node) }, { caPem, deadlineMs });
      if (verdict.ok !== wanted) wrong.push(`kube-apiserver on ${node.name}: ${verdict.ok ? 'connected' : verdict.error}`);
    }),
  );
  return { side, what: `a client that trusts ${who} ${wanted ? 'connects to' : 'fails its handshake with'} every API server`, asked: nodes.length, wrong };
}

function askApi(world: CheckWorld, node: NodeRecord, as: { readonly credential?: ClientCredential; readonly bearer?: Secret }): Promise<number> {
  const caPem = `${world.outgoingCa}${world.incomingCa}`;
  return probe
    .request(
      { host: node.internalIp, port: apiPort(node) },
      {
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }),
        caPem,
        deadlineMs,
        ...as,
      },
    )
    .then(({ status }) => status);
}

/** The serving certificate of a kubelet is its own: unverified, as kube-apiserver itself asks it. */
function askKubelet(node: NodeRecord, credential: ClientCredential): Promise<number> {
  return probe.request({ host: node.internalIp, port: 10250 }, { method: 'GET', path: '/pods', credential, deadlineMs }).then(({ status }) => status);
}

async function gathered(
  side: CheckSide,
  what: string,
  questions: readonly { readonly server: string; readonly good: readonly number[]; ask(): Promise<number> }[],
): Promise<Check> {
  const wrong: string[] = [];
  await Promise.all(
    questions.map(async ({ server, good, ask }) => {
      try {
        const status = await ask();
        if (!good.includes(status)) wrong.push(`${server}: HTTP ${status}`);
      } catch (error) {
        if (failuresOf(error) === undefined) throw error;
        wrong.push(`${server}: ${failuresOf(error)?.[0]?.cause ?? ''}`);
      }
    }),
  );
  return { side, what, asked: questions.length, wrong: wrong.sort() };
}
