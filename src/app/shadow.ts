/** Shadow distrust of a run: who would fail if only the incoming CA were trusted, read now. Nothing is changed. */

import { probeUser } from '../operations/identity-probe.js';
import type { Inventory, Unseen } from '../domain/cluster/inventory.js';
import { fail, failuresOf } from '../domain/errors.js';
import { recordsOf } from '../domain/pki/certificate.js';
import type { Gate, Plan } from '../domain/plan/plan.js';
import { advance, untouched } from '../domain/run/progress.js';
import type { EarlierPod, KnownCertificate, Shadow } from '../domain/trust/holders.js';
import { missingAcks, shadowOf } from '../domain/trust/shadow.js';
import { podsHoldingEarlierTrust } from '../operations/pods.js';
import { publicationOf } from '../operations/publication.js';
import { artefactNames } from '../operations/run-files.js';
import type { JournalLine } from '../ports/journal.js';
import { readAudit } from '../scan/audit/read-audit.js';
import { readConnections } from '../scan/connections/read-connections.js';
import { fullScan } from '../scan/full-scan.js';
import { formerInventories } from './former-runs.js';
import type { RunFolder } from './run-folder.js';
import type { World } from './world.js';

export interface ShadowParts {
  readonly world: World;
  readonly folder: RunFolder;
  readonly lines: readonly JournalLine[];
  readonly signal?: AbortSignal;
}

/** The gate after which trust is narrowed. */
const distrustGate = 'distrust';

export async function shadowAt(gate: Gate, parts: ShadowParts): Promise<Shadow | undefined> {
  return gate.name === distrustGate ? shadowNow(parts) : undefined;
}

/** Throws decision-refused before the run knows its CAs, and what keeps the nodes and the API from being read at all. */
export async function shadowNow({ world, folder, lines, signal = new AbortController().signal }: ShadowParts): Promise<Shadow> {
  const progress = lines.reduce((p, { fact }) => advance(p, fact), untouched);
  const artefacts = folder.artefacts(progress.attempt);
  const [outgoing] = recordsOf(artefacts.get(artefactNames.outgoingCa) ?? '');
  if (outgoing === undefined) {
    return fail('decision-refused', {
      target: folder.run,
      summary: 'there is no incoming CA yet',
      cause: 'the run has not come to it',
      nextAction: `Run "rotate-ca resume ${folder.run}" up to its first gate.`,
    });
  }
  const kube = world.access.kube();
  const now = await fullScan({ hosts: world.hosts, shells: world.shells, kube, tls: world.tls, signal, now: Date.now });
  const plan = folder.plan(progress.planDigest);
  const [audit, connected, requests, pods] = await Promise.all([
    readAudit({ nodes: now.nodes, shells: world.shells, signal }),
    readConnections({ nodes: now.nodes, shells: world.shells, signal }),
    signedRequests(world, signal),
    earlierPods({ world, folder, attempt: progress.attempt, signal }),
  ]);
  const signsSinceMs = signsSince(plan, lines);
  return shadowOf({
    outgoing,
    now,
    before: firstInventory(folder, lines, plan),
    former: formerInventories(folder, now.cluster.uid),
    others: [...requests.found, ...ownCertificate(world), ...engineCertificates(folder)],
    // Certificates that rotate-ca has made for a moment, to ask servers whom they accept, have ended with their step.
    uses: audit.uses.filter(({ user }) => user !== probeUser),
    namesCredentials: audit.namesCredentials,
    connections: connected.connections,
    ownAddresses: connected.ownAddresses,
    pods: pods.found,
    ...(signsSinceMs === undefined ? {} : { signsSinceMs }),
    acknowledged: acknowledgedIn(lines),
    unseen: [...(now.unseen ?? []), ...audit.unseen, ...connected.unseen, ...requests.unseen, ...pods.unseen],
  });
}

/** Throws acks-missing with those that are missing. */
export function refuseWithoutAcks(shadow: Shadow, run: string): void {
  const missing = missingAcks(shadow);
  if (missing.length === 0) return;
  fail('acks-missing', {
    target: run,
    summary: `${missing.length} of those who would fail have not been acknowledged`,
    cause: missing.map(({ id, why }) => `${id}: ${why}`).join('\n'),
    nextAction: `Hand over what "rotate-ca handoff ${run} --out DIR" writes, record each with "rotate-ca handoff ${run} --ack HOLDER", then "rotate-ca approve ${run}"; or approve with --without-acks.`,
  });
}

function acknowledgedIn(lines: readonly JournalLine[]): string[] {
  return lines.flatMap(({ fact }) => (fact.type === 'holder.acknowledged' ? [fact.holder] : []));
}

/** An amended plan has an inventory from the middle of the run. */
function firstInventory(folder: RunFolder, lines: readonly JournalLine[], plan: Plan): Inventory {
  const opened = lines.find(({ fact }) => fact.type === 'run.opened')?.fact;
  return (opened?.type === 'run.opened' ? folder.plan(opened.planDigest) : plan).inventory;
}

function signsSince(plan: Plan, lines: readonly JournalLine[]): number | undefined {
  const steps = new Set(plan.steps.filter(({ kind }) => kind === 'switch-signer').map(({ id }) => id));
  const at = lines.find(({ fact }) => fact.type === 'step.marked' && fact.mark === 'applied' && steps.has(fact.step))?.at;
  return at === undefined ? undefined : Date.parse(at);
}

function ownCertificate(world: World): KnownCertificate[] {
  return recordsOf(world.access.original()?.certificatePem ?? '')
    .slice(0, 1)
    .map((record) => ({ record, from: 'kubeconfig of rotate-ca', isOwn: true }));
}

/** Each process of a run comes in with one of its own, which lies in no file of a node. */
function engineCertificates(folder: RunFolder): KnownCertificate[] {
  return folder.engineCertificates().flatMap((pem) =>
    recordsOf(pem)
      .slice(0, 1)
      .map((record) => ({ record, from: 'rotate-ca itself' })),
  );
}

interface Read<T> {
  readonly found: readonly T[];
  readonly unseen: readonly Unseen[];
}

/** What the cluster itself has signed lately (requests are kept for an hour, k/k pkg/controller/certificates/cleaner). */
function signedRequests({ access }: Pick<World, 'access'>, signal: AbortSignal): Promise<Read<KnownCertificate>> {
  return seenOf('CertificateSigningRequest', async () => {
    const requests = await access.kube().list({ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest' }, { deadlineMs: 20_000, signal });
    return requests.flatMap(({ metadata, status }) => {
      const { certificate = '' } = (status ?? {}) as { certificate?: string };
      const [record] = recordsOf(Buffer.from(certificate, 'base64').toString('utf8'));
      return record === undefined ? [] : [{ record, from: `CertificateSigningRequest ${metadata.name}` }];
    });
  });
}

async function earlierPods({ world, folder, attempt, signal }: Pick<ShadowParts, 'world' | 'folder'> & { attempt: number; signal: AbortSignal }): Promise<Read<EarlierPod>> {
  const published = publicationOf({ artefacts: folder.artefacts(attempt), run: { id: folder.run, attempt } }, ['outgoing', 'incoming']);
  if (published === undefined) return { found: [], unseen: [{ place: 'pods', why: 'both CAs are not published yet: which pods have loaded the outgoing CA alone is not known' }] };
  return seenOf('pods from before both CAs were published', () =>
    podsHoldingEarlierTrust({ access: world.access, signal, deadlineAtMs: Date.now() + 60_000, now: Date.now }, published),
  );
}

/** What cannot be read is not "none": it is said. */
async function seenOf<T>(place: string, read: () => Promise<readonly T[]>): Promise<Read<T>> {
  try {
    return { found: await read(), unseen: [] };
  } catch (error) {
    const [first, ...more] = failuresOf(error) ?? [];
    if (first === undefined || [first, ...more].some(({ code }) => code === 'interrupted')) throw error;
    return { found: [], unseen: [{ place, why: [first.summary, first.cause].filter(Boolean).join(': ') }] };
  }
}
