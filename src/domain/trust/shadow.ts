/**
 * Shadow distrust: the state in which only the incoming CA is trusted, judged against what is really in use. It names who would fail. Pure.
 * Servers verify client certificates with every request (k/k apiserver pkg/authentication/request/x509), so whoever shows one of the outgoing CA gets 401
 * from the moment in which it is dropped.
 */

import type { CertificateRecord, NodeRecord } from '../cluster/inventory.js';
import { subjectOf } from '../cluster/material.js';
import { seemsIssuedBy } from '../pki/certificate.js';
import { isLoopback, nodeAddresses, proxiesIn } from './addresses.js';
import type { CredentialUse } from './credential-use.js';
import type { EndedCredential, Holder, Shadow, ShadowInput } from './holders.js';
import { objectPlace } from './names.js';
import { hiddenPeers, peersOf, unknownPeers } from './peers.js';
import { type TrustedNow, trustedNow } from './trusted-now.js';

/** Who would fail, by kind and id. */
export function shadowOf(input: ShadowInput): Shadow {
  const known = knownCertificates(input);
  const proxies = proxiesIn(input);
  const trusted = trustedNow(input.now);
  const certificates = input.namesCredentials ? byFingerprint(input, known, proxies, trusted) : byName(input, proxies, trusted);
  const peers = peersOf(input);
  const holders = [...certificates.holders, ...podHolders(input), ...leavesLeft(input), ...listeners(input, known), ...unknownPeers(peers, input)];
  const acknowledged = (holder: Holder): Holder => (input.acknowledged.some((one) => one === holder.id || one === holder.who) ? { ...holder, isAcknowledged: true } : holder);
  return { holders: holders.map(acknowledged).sort(order), goOn: certificates.goOn, ended: certificates.ended, peers, unseen: [...input.unseen, ...hiddenPeers(peers)] };
}

/** Of whom nobody has said yet that they have what they need. */
export function missingAcks({ holders }: Pick<Shadow, 'holders'>): Holder[] {
  return holders.filter(({ asksAck, isAcknowledged }) => asksAck && isAcknowledged !== true);
}

interface Known {
  readonly record: CertificateRecord;
  readonly from: string;
  readonly isOwn: boolean;
  /** Still where it was found: of the inventory of now. */
  readonly isLive: boolean;
  /** A kubeconfig that people use, not a component. */
  readonly isForPeople: boolean;
}

/** kubeadm's kubeconfigs for people: no component reads them. */
const forPeople = /\/(super-)?admin\.conf$/;

function knownCertificates({ now, before, former, others }: ShadowInput): Map<string, Known> {
  const known = new Map<string, Known>();
  const put = (record: CertificateRecord, from: string, isLive: boolean): void => {
    if (!known.has(record.fingerprint)) known.set(record.fingerprint, { record, from, isLive, isOwn: false, isForPeople: forPeople.test(from) });
  };
  for (const [inventory, isLive] of [[now, true], [before, false], ...former.map((one) => [one, false] as const)] as const) {
    for (const node of inventory.nodes) {
      for (const { path, certificates, client } of node.files)
        for (const record of [...certificates, ...(client === undefined ? [] : [client])]) put(record, `${node.name}:${path}`, isLive && isCurrent(node, path));
    }
    for (const object of inventory.objects)
      for (const record of [...object.certificates, ...(object.client === undefined ? [] : [object.client])]) put(record, objectPlace(object), isLive);
  }
  for (const { record, from, isOwn = false } of others) {
    const found = known.get(record.fingerprint);
    if (found === undefined) known.set(record.fingerprint, { record, from, isLive: true, isOwn, isForPeople: false });
    else if (isOwn) known.set(record.fingerprint, { ...found, isOwn });
  }
  return known;
}

interface Group {
  readonly user: string;
  readonly uses: readonly CredentialUse[];
}

interface Judged {
  readonly holders: Holder[];
  readonly ended: EndedCredential[];
  readonly goOn: number;
}

function byFingerprint(input: ShadowInput, known: ReadonlyMap<string, Known>, proxies: ReadonlySet<string>, trusted: TrustedNow | undefined): Judged {
  const groups = groupsBy(
    input.uses.filter(({ fingerprint }) => fingerprint !== ''),
    ({ fingerprint }) => fingerprint,
  );
  const holders: Holder[] = [];
  const ended: EndedCredential[] = [];
  for (const [fingerprint, group] of groups) {
    const id = `${group.user}/${fingerprint.slice(0, 8)}`;
    const found = known.get(fingerprint);
    if (hasEnded(input, group, found?.record, trusted)) {
      ended.push({ id, lastSeenMs: lastOf(group) });
      continue;
    }
    const holder = found === undefined ? unknownHolder(input, id, group, proxies) : knownHolder(input, id, group, found, proxies);
    if (holder !== undefined) holders.push(holder);
  }
  return { holders, ended, goOn: groups.size - holders.length - ended.length };
}

/** Nobody accepts it any more, whatever this run does: it has expired, its CA is trusted no more, or it is older than every CA that is. */
function hasEnded({ now }: ShadowInput, group: Group, record: CertificateRecord | undefined, trusted: TrustedNow | undefined): boolean {
  if (record === undefined) return trusted !== undefined && lastOf(group) < trusted.sinceMs;
  return record.notAfterMs < Date.parse(now.takenAt) || (trusted !== undefined && !record.isCa && !trusted.accepts(record));
}

function lastOf({ uses }: Group): number {
  return Math.max(...uses.map(({ lastMs }) => lastMs));
}

/** Of the former, what is not in use any more may still be in somebody's drawer. */
function sinceBefore({ before }: ShadowInput, group: Group): string {
  const lastMs = lastOf(group);
  return lastMs < Date.parse(before.takenAt) ? `; last used at ${new Date(lastMs).toISOString()}, before this run began` : '';
}

function knownHolder(input: ShadowInput, id: string, group: Group, found: Known, proxies: ReadonlySet<string>): Holder | undefined {
  if (found.record.isCa || !seemsIssuedBy(found.record, input.outgoing)) return undefined;
  if (found.isOwn) {
    const nextAction = 'Keep a copy of the new admin.conf of a control plane at hand: this kubeconfig gets 401 afterwards.';
    return holderOf(id, group, { why: `it is the certificate of the kubeconfig that this run was given (${found.from})`, nextAction, asksAck: false });
  }
  // A file that still holds it is told of by itself; a signed request, or a kubeconfig in an object, is known here alone, and not in our reach.
  if (found.isLive && !/^[A-Z]\w+ /.test(found.from)) {
    return holderOf(id, group, {
      why: `${found.from} still holds it, and it is of the outgoing CA`,
      nextAction: `Find out who reads ${found.from}, and have it replaced.`,
      asksAck: false,
    });
  }
  const elsewhere = outside(input, group, proxies, found.isForPeople);
  if (found.isLive)
    return holderOf(id, group, {
      why: `the outgoing CA has signed it, and ${/^CertificateSigningRequest /.test(found.from) ? 'it was asked for by' : 'it lies in'} ${found.from}`,
      nextAction: handItOver,
      asksAck: true,
    });
  if (elsewhere.length === 0) return undefined;
  const why = `it was that of ${found.from}, which has another now, and is used from ${list(elsewhere.map(({ address }) => address))}, which is no node: somebody has a copy`;
  return holderOf(id, group, {
    why: elsewhere.some(({ address }) => !proxies.has(address)) ? why : why.replace('which is no node', 'an address of many'),
    nextAction: handItOver,
    asksAck: true,
  });
}

function unknownHolder(input: ShadowInput, id: string, group: Group, proxies: ReadonlySet<string>): Holder | undefined {
  // Components renew their certificates: one that was used by its own user, from its own place, and not since the plan was made, has been replaced.
  if (lastOf(group) < Date.parse(input.before.takenAt) && isComponent(input, group.user) && outside(input, group, proxies, false).length === 0) return undefined;
  const since = input.signsSinceMs !== undefined && group.uses.every(({ firstMs }) => firstMs > (input.signsSinceMs ?? 0));
  const why = since
    ? 'rotate-ca does not know this certificate; it was first seen after the incoming CA began to sign, and may be of it'
    : 'rotate-ca does not know this certificate, and it was in use before the incoming CA signed anything';
  return holderOf(id, group, { why: `${why}${sinceBefore(input, group)}`, nextAction: handItOver, asksAck: true });
}

const handItOver = 'Hand over what "rotate-ca handoff" writes, and record it with --ack.';

/** Uses that cannot be by the node that had the certificate. */
function outside(input: ShadowInput, group: Group, proxies: ReadonlySet<string>, isForPeople: boolean): CredentialUse[] {
  const own = nodeAddresses(input.now, input.before);
  return group.uses.filter(({ address, userAgent }) => {
    if (own.has(address) || isLoopback(address)) return false;
    // Behind a load balancer a component cannot be told from a copy of its certificate; kubeadm works on nodes only.
    return !proxies.has(address) || (isForPeople && !userAgent.startsWith('kubeadm/'));
  });
}

function isComponent({ now, before }: ShadowInput, user: string): boolean {
  return [...now.nodes, ...before.nodes].some(({ files }) =>
    files.some(({ certificates, client }) => [client, certificates[0]].some((record) => record !== undefined && !record.isCa && subjectOf(record.subject).commonName === user)),
  );
}

/** Servers that do not name certificates: a user that no component has is a holder, and so is a component's from a foreign address. */
function byName(input: ShadowInput, proxies: ReadonlySet<string>, trusted: TrustedNow | undefined): Judged {
  const groups = groupsBy(
    input.uses.filter(({ user }) => !/^system:(apiserver|bootstrap:)/.test(user)),
    ({ user, address }) => `${user}@${address}`,
  );
  const ended = [...groups].filter(([, group]) => hasEnded(input, group, undefined, trusted)).map(([id, group]) => ({ id, lastSeenMs: lastOf(group) }));
  const holders = [...groups].flatMap(([id, group]): Holder[] => {
    if (ended.some((one) => one.id === id)) return [];
    const component = isComponent(input, group.user);
    if (component && outside(input, group, proxies, false).length === 0) return [];
    const why = component
      ? 'a user of the cluster itself, from an address that is no node: somebody may have a copy of its certificate'
      : 'no certificate on the nodes is of this user; whether it proves itself by one is not written';
    return [holderOf(id, group, { why: `${why}${sinceBefore(input, group)}`, nextAction: handItOver, asksAck: true })];
  });
  return { holders, ended, goOn: groups.size - holders.length - ended.length };
}

function holderOf(id: string, { user, uses }: Group, rest: Pick<Holder, 'why' | 'nextAction' | 'asksAck'>): Holder {
  const distinct = (values: readonly string[]): string[] => [...new Set(values)].sort();
  return {
    id,
    kind: 'certificate',
    who: user,
    ...rest,
    userAgents: distinct(uses.map(({ userAgent }) => userAgent)),
    addresses: distinct(uses.map(({ address }) => address)),
    lastSeenMs: lastOf({ user, uses }),
  };
}

function podHolders({ pods }: ShadowInput): Holder[] {
  return pods.map(({ namespace, name, node, startedAtMs }) => ({
    id: `pod ${namespace}/${name}`,
    kind: 'pod',
    who: `pod ${namespace}/${name}${node === '' ? '' : ` on ${node}`}`,
    why: `it has been running since ${new Date(startedAtMs).toISOString()}, before both CAs were published: it has loaded the outgoing CA alone`,
    nextAction: `Restart it: kubectl -n ${namespace} delete pod ${name}`,
    userAgents: [],
    addresses: [],
    asksAck: false,
  }));
}

/** Leaves of the outgoing CA that still lie somewhere. */
function leavesLeft({ now, outgoing }: ShadowInput): Holder[] {
  return now.nodes.flatMap((node) =>
    node.files
      .filter((file) => isCurrent(node, file.path) && file.linkTo === undefined)
      .flatMap((file) =>
        file.kind === 'kubeconfig' ? (file.client === undefined ? [] : [{ file, leaf: file.client }]) : file.certificates.slice(0, 1).map((leaf) => ({ file, leaf })),
      )
      .filter(({ leaf }) => !leaf.isCa && seemsIssuedBy(leaf, outgoing))
      .map(({ file, leaf }) =>
        still('file', `${node.name}:${file.path}`, `it holds "${leaf.subject}" of the outgoing CA`, `Find out who reads ${file.path}, and have it replaced.`),
      ),
  );
}

/** A kubelet's pairs of before stay in its folder; a link names the one that is read. */
function isCurrent(node: NodeRecord, path: string): boolean {
  if (!/\/kubelet-(client|server)-\d{4}[\d-]*\.pem$/.test(path)) return true;
  return node.files.some(({ linkTo }) => linkTo !== undefined && (linkTo === path || linkTo === path.slice(path.lastIndexOf('/') + 1)));
}

function listeners({ now, outgoing }: ShadowInput, known: ReadonlyMap<string, Known>): Holder[] {
  const isOutgoing = (fingerprint: string | undefined): boolean => {
    const record = known.get(fingerprint ?? '')?.record;
    return record !== undefined && !record.isCa && seemsIssuedBy(record, outgoing);
  };
  const components = now.nodes.flatMap(({ name, components: all }) =>
    all.flatMap(({ name: component, presents = {} }) =>
      Object.entries(presents)
        .filter(([, fingerprint]) => isOutgoing(fingerprint))
        .map(([port]) =>
          still(
            'listener',
            `${component}@${name} :${port}`,
            'it still presents a leaf of the outgoing CA',
            `Restart ${component} on ${name}, or look why it has not loaded its new leaf.`,
          ),
        ),
    ),
  );
  const called = (now.called ?? [])
    .filter(({ presents, isUnverified }) => !isUnverified && isOutgoing(presents))
    .map(({ kind, name, host }) =>
      still(
        'listener',
        `${kind} ${name}`,
        `${host} still presents a leaf of the outgoing CA: it is not called any more once its caBundle is narrowed`,
        `Have the leaf of ${host} issued anew.`,
      ),
    );
  return [...components, ...called];
}

function still(kind: 'file' | 'listener', id: string, why: string, nextAction: string): Holder {
  return { id, kind, who: id, why, nextAction, userAgents: [], addresses: [], asksAck: false };
}

function groupsBy(uses: readonly CredentialUse[], keyOf: (use: CredentialUse) => string): Map<string, Group> {
  const groups = new Map<string, { user: string; uses: CredentialUse[] }>();
  for (const use of uses) {
    const group = groups.get(keyOf(use)) ?? { user: use.user, uses: [] };
    group.uses.push(use);
    groups.set(keyOf(use), group);
  }
  return groups;
}

function list(values: readonly string[]): string {
  return [...new Set(values)].sort().join(', ');
}

function order(a: Holder, b: Holder): number {
  const [one, other] = [a, b].map(({ asksAck, kind, id }) => `${asksAck ? 0 : 1} ${kind} ${id}`);
  return (one ?? '') < (other ?? '') ? -1 : 1;
}
