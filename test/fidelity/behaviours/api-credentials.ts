/** Who the API server takes a client for: certificates, tokens, nothing at all. */

import { X509Certificate } from 'node:crypto';
import type { Behaviour } from '../behaviour.js';
import { caOfCluster, leafOf, newCa, probeUser } from '../credentials.js';
import { askApi, fingerprintOf, reviewPath, whoAmI } from '../questions.js';
import { callMs, controlPlane } from '../world.js';

const hourMs = 3_600_000;

export const apiCredentials: readonly Behaviour[] = [
  {
    id: 'api-failing-is-401-none-is-403',
    rule: '3.2, end of table K: a failing credential is never downgraded to anonymous',
    title: 'A failing credential gets 401, none gets 403 as system:anonymous, and /readyz is open to anonymous only',
    area: 'API server',
    disturbs: 'nothing',
    expected: { unknownCa: 401, badToken: 401, none: 403, noneIsNamed: true, readyz: '200 ok', version: 200, readyzWithBadToken: 401, bodyOf401: 'Unauthorized' },
    async run(world) {
      const node = controlPlane(world);
      const path = '/api/v1/namespaces/kube-system/configmaps';
      const stranger = await leafOf(await newCa('nobody knows it'));
      const none = await askApi(world, node, { path });
      const readyz = await askApi(world, node, { path: '/readyz' });
      const bad = await askApi(world, node, { path, by: 'no.such.token' });
      return {
        unknownCa: (await askApi(world, node, { path, by: stranger })).status,
        badToken: bad.status,
        none: none.status,
        noneIsNamed: none.body.includes('User \\"system:anonymous\\" cannot list'),
        readyz: `${readyz.status} ${readyz.body}`,
        version: (await askApi(world, node, { path: '/version' })).status,
        readyzWithBadToken: (await askApi(world, node, { path: '/readyz', by: 'no.such.token' })).status,
        bodyOf401: (JSON.parse(bad.body) as { message: string }).message,
      };
    },
  },
  {
    id: 'api-review-names-the-user',
    rule: '3.2 and 7: a SelfSubjectReview names user, groups and the fingerprint of the certificate',
    title: 'SelfSubjectReview: common name is the user, organizations are groups, and the credential is named by its fingerprint',
    area: 'API server',
    disturbs: 'nothing',
    expected: { status: 201, user: probeUser, groups: ['one', 'system:authenticated', 'two'], credentialIsFingerprint: true, anonymous: 403 },
    async run(world) {
      const node = controlPlane(world);
      const leaf = await leafOf(await caOfCluster(world), { organizations: ['one', 'two'] });
      const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
      const answer = await askApi(world, node, { method: 'POST', path: reviewPath, body, by: leaf });
      const { status } = JSON.parse(answer.body) as { status?: { userInfo?: { username?: string; groups?: string[]; extra?: Record<string, string[]> } } };
      const id = status?.userInfo?.extra?.['authentication.kubernetes.io/credential-id']?.[0];
      return {
        status: answer.status,
        user: status?.userInfo?.username ?? '',
        groups: [...(status?.userInfo?.groups ?? [])].sort(),
        credentialIsFingerprint: id === `X509SHA256=${fingerprintOf(leaf.certificatePem).replaceAll(':', '').toLowerCase()}`,
        anonymous: (await askApi(world, node, { method: 'POST', path: reviewPath, body })).status,
      };
    },
  },
  {
    id: 'api-dates-and-usages-of-clients',
    rule: '0.3, 0.4 rule 5, 3.3',
    title: 'A client certificate that has expired, is not yet valid, or is for servers only is refused with 401',
    area: 'API server',
    disturbs: 'nothing',
    expected: { good: probeUser, expired: 401, notYet: 401, serverOnly: 401 },
    async run(world) {
      const node = controlPlane(world);
      const ca = await caOfCluster(world);
      const ask = async (wish: Parameters<typeof leafOf>[1]) => whoAmI(world, node, await leafOf(ca, wish));
      return {
        good: await ask({}),
        expired: await ask({ notBeforeMs: Date.now() - 2 * hourMs, notAfterMs: Date.now() - 60_000 }),
        notYet: await ask({ notBeforeMs: Date.now() + hourMs, notAfterMs: Date.now() + 2 * hourMs }),
        serverOnly: await ask({ usages: ['serverAuth'] }),
      };
    },
  },
  {
    id: 'api-takes-intermediates-from-the-client',
    rule: '0.4 rule 1, 5.7: the chain must be sent',
    title: 'A client of another CA is accepted if it sends a cross-certificate by the trusted one, and refused without',
    area: 'API server',
    disturbs: 'nothing',
    expected: { alone: 401, withCross: probeUser, withItsRoot: 401 },
    async run(world) {
      const node = controlPlane(world);
      const incoming = await newCa('fidelity-cross');
      const cross = await newCa('fidelity-cross', { signedBy: await caOfCluster(world), of: incoming });
      const leaf = await leafOf(incoming);
      const sending = (more: string) => ({ ...leaf, certificatePem: `${leaf.certificatePem}${more}` });
      return {
        alone: await whoAmI(world, node, leaf),
        withCross: await whoAmI(world, node, sending(cross.certificatePem)),
        withItsRoot: await whoAmI(world, node, sending(incoming.certificatePem)),
      };
    },
  },
  {
    id: 'api-by-load-balancer-and-name',
    rule: '1.1 (SANs of apiserver.crt), 6.23',
    title: 'Each API server and the load balancer present a leaf of the cluster CA that verifies by address, and by no other CA',
    area: 'API server',
    disturbs: 'nothing',
    expected: {
      all: true,
      wrongCa: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      names: ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'],
    },
    async run(world) {
      const caPem = (await caOfCluster(world)).certificatePem;
      const other = (await newCa('nobody')).certificatePem;
      const servers = [...world.nodes.filter(({ role }) => role === 'control-plane').map(({ address }) => ({ host: address, port: 6443 })), world.loadBalancer];
      const verified = await Promise.all(servers.map((at) => world.tls.verifies(at, { caPem, deadlineMs: callMs })));
      const wrong = await world.tls.verifies(servers[0] ?? world.loadBalancer, { caPem: other, deadlineMs: callMs });
      const [leaf = ''] = await world.tls.presentedBy(world.loadBalancer, { deadlineMs: callMs });
      const names = new X509Certificate(leaf).subjectAltName?.split(', ').flatMap((san) => (/^DNS:kubernetes/.test(san) ? [san.slice(4)] : [])) ?? [];
      return { all: verified.every(({ ok }) => ok), wrongCa: wrong.ok ? 'ok' : wrong.error, names: names.sort() };
    },
  },
];
