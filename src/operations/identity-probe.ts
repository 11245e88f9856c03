/** Does a server accept client certificates of a CA? Asked with a throw-away certificate; the server must name the user. */

import { fail } from '../domain/errors.js';
import { nodesWith, type NodeRecord } from '../domain/cluster/inventory.js';
import type { Site } from '../ports/step-kind.js';
import type { ClientCredential } from '../ports/tls-probe.js';
import { makeKeyPair } from '../x509/key-pair.js';
import { makeRequest } from '../x509/request.js';
import { readKeyType } from './leaf-on-node.js';
import { artefactNames, incomingIssuer } from './run-files.js';
import { bundlePem, caPem } from './trust-bundles.js';
import { msLeft } from './waiting.js';

export const probeUser = 'rotate-ca-probe';

/** `named`: accepted, and the user was named. `refused`: 401. Anything else is told as it was. */
export type Verdict = 'named' | 'refused' | string;

/** A certificate of the incoming CA without groups, valid for ten minutes; its key never leaves this process. */
export async function incomingProbe(site: Pick<Site, 'artefacts' | 'issuer' | 'roleIssuer' | 'signal' | 'target'>): Promise<ClientCredential> {
  return credentialOfIncoming(site, { commonName: probeUser, organizations: [], ttlMs: 10 * 60_000 });
}

/** A client certificate of the incoming CA, key made here in memory. */
export async function credentialOfIncoming(
  site: Pick<Site, 'artefacts' | 'issuer' | 'roleIssuer' | 'signal' | 'target'>,
  wish: { commonName: string; organizations: readonly string[]; ttlMs: number },
): Promise<ClientCredential> {
  const { issuerId, roles } = incomingIssuer(site);
  const { ttlMs, ...subject } = wish;
  // A role may take keys of one kind only: that of the cluster's own leaves, which it issues too.
  const keyType = roles === undefined ? 'ecdsa-p256' : readKeyType(caPem(site, 'outgoing'));
  const pair = await makeKeyPair(keyType);
  const csrPem = await makeRequest({ privateKeyPem: pair.privateKeyPem, subject, sans: [] });
  const usages = ['clientAuth'] as const;
  const options = { signal: site.signal };
  const certificatePem =
    roles === undefined
      ? await site.issuer.sign({ issuerId, csrPem, ttlMs, backdateMs: 5 * 60_000, usages }, options)
      : await (await site.roleIssuer(roles)).sign({ issuerId, csrPem, leaf: { ...subject, sans: [], usages, keyType, ttlMs } }, options);
  return { certificatePem, key: pair.privateKeyPem };
}

/**
 * Asks one API server who we are: 201 with a user name is acceptance, 401 refusal.
 * A bare 403 would be ambiguous (a certificate that was not sent gives it too), so a review that any authenticated user may make is used.
 */
export async function askApiServer(site: Site, node: NodeRecord, credential: ClientCredential): Promise<Verdict> {
  const answer = await site.tls.request(
    { host: node.internalIp, port: apiPort(node) },
    {
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }),
      credential,
      caPem: apiTrust(site),
      deadlineMs: msLeft(site, 5000),
      signal: site.signal,
    },
  );
  if (answer.status === 401) return 'refused';
  if (answer.status !== 201) return `HTTP ${answer.status}`;
  const body = JSON.parse(answer.body) as { status?: { userInfo?: { username?: string } } };
  const user = body.status?.userInfo?.username ?? '';
  return user === '' || user === 'system:anonymous' ? `named ${user}` : 'named';
}

/** Asks a kubelet: 403 that names the user (or 200) is acceptance, 401 refusal (k/k pkg/kubelet/server/server.go). Its serving certificate is self-signed by default, so it is not verified. */
export async function askKubelet(site: Site, node: NodeRecord, credential: ClientCredential): Promise<Verdict> {
  const answer = await site.tls.request({ host: node.internalIp, port: 10250 }, { method: 'GET', path: '/pods', credential, deadlineMs: msLeft(site, 5000), signal: site.signal });
  if (answer.status === 401) return 'refused';
  if (answer.status === 200 || (answer.status === 403 && answer.body.includes('user='))) return 'named';
  return `HTTP ${answer.status}`;
}

/** Trust towards API servers at any moment of the run: both CAs, as far as they exist. */
export function apiTrust(site: Pick<Site, 'artefacts' | 'target'>): string {
  return site.artefacts.get(artefactNames.incomingCa) === undefined ? bundlePem(site, ['outgoing']) : bundlePem(site, ['outgoing', 'incoming']);
}

export function apiPort(node: NodeRecord): number {
  const flags = node.components.find((c) => c.name === 'kube-apiserver')?.flags;
  return Number(flags?.['secure-port'] ?? 6443);
}

/** URL of the API server of a control-plane node itself, past any load balancer. */
export function apiServerOf(node: NodeRecord): string {
  const host = node.internalIp.includes(':') ? `[${node.internalIp}]` : node.internalIp;
  return `https://${host}:${apiPort(node)}`;
}

export function nodeOf(site: Pick<Site, 'inventory' | 'target'>, name = site.target): NodeRecord {
  const node = site.inventory.nodes.find((n) => n.name === name);
  if (node !== undefined) return node;
  return fail('node-unknown', {
    target: name,
    summary: 'the node is not in the inventory of the plan',
    cause: 'it has joined, or was renamed, since',
    nextAction: 'Make a new plan.',
  });
}

export function isControlPlane(site: Pick<Site, 'inventory'>, name: string): boolean {
  return nodesWith(site.inventory, 'control-plane').some((n) => n.name === name);
}
