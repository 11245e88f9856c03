/** Service-account tokens: legacy ones in Secrets, bound ones by request. */

import { createHash, createPublicKey } from 'node:crypto';
import type { Behaviour } from '../behaviour.js';
import { caOfCluster, fingerprintsOf } from '../credentials.js';
import { whoAmI } from '../questions.js';
import { dataOf, decoded, scratchNamespace, tokenSecret } from '../scratch.js';
import { until } from '../until.js';
import { callMs, controlPlane } from '../world.js';

const soonMs = 20_000;
/** TokenSuccessCacheTTL, and some. */
const cacheMs = 15_000;

interface Claims {
  readonly iss?: string;
  readonly sub?: string;
  readonly exp?: number;
  readonly 'kubernetes.io/serviceaccount/secret.name'?: string;
}

function partsOf(jwt: string): { kid: string; claims: Claims } {
  const [header = '', claims = ''] = jwt.split('.').map((part) => Buffer.from(part, 'base64url').toString('utf8'));
  return { kid: (JSON.parse(header) as { kid?: string }).kid ?? '', claims: JSON.parse(claims) as Claims };
}

export const tokens: readonly Behaviour[] = [
  {
    id: 'token-secret-is-filled',
    rule: '2.1, 3.2 K1',
    title: 'A token Secret of a service account gets ca.crt, namespace and a token without an end, which names its key and lets in its account',
    area: 'service accounts',
    disturbs: 'restores-itself',
    expected: {
      keys: ['ca.crt', 'namespace', 'token'],
      caIsClusterCa: true,
      issuer: 'kubernetes/serviceaccount',
      secretIsNamed: true,
      ends: false,
      kidIsKey: true,
      user: 'system:serviceaccount:NAMESPACE:default',
    },
    async run(world, undo) {
      const node = controlPlane(world);
      const namespace = await scratchNamespace(world, undo);
      const secret = await tokenSecret(world, namespace);
      const data = await dataOf(world, secret);
      const token = decoded(data.token);
      const { kid, claims } = partsOf(token);
      const pub = createPublicKey(await world.shell(node.name).must('cat /etc/kubernetes/pki/sa.pub', { deadlineMs: callMs }));
      const user = String(await whoAmI(world, node, token));
      return {
        keys: Object.keys(data).sort(),
        caIsClusterCa: fingerprintsOf(decoded(data['ca.crt'])).join() === fingerprintsOf((await caOfCluster(world)).certificatePem).join(),
        issuer: claims.iss ?? '',
        secretIsNamed: claims['kubernetes.io/serviceaccount/secret.name'] === secret.name,
        ends: claims.exp !== undefined,
        kidIsKey:
          kid ===
          createHash('sha256')
            .update(pub.export({ type: 'spki', format: 'der' }))
            .digest('base64url'),
        user: user.replace(namespace, 'NAMESPACE'),
      };
    },
  },
  {
    id: 'token-cleared-is-made-again',
    rule: '4.2: cleared regenerates; RS256 is deterministic; step clear-service-account-tokens',
    title: 'A token that is cleared is there again, byte for byte the same with the same RSA key; one that is edited is left as it is, and lets nobody in',
    area: 'service accounts',
    disturbs: 'restores-itself',
    expected: { cleared: 'the same', edited: 'left as it is', tokenOfBefore: 401, editedToken: 401, clearedAgain: 'the same', worksAgain: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const namespace = await scratchNamespace(world, undo);
      const secret = await tokenSecret(world, namespace);
      const before = (await dataOf(world, secret)).token ?? '';
      const write = (token: string) => world.kube.patch(secret, { data: { token } }, { deadlineMs: callMs });
      const filled = async (): Promise<string> => {
        const { token } = await until(
          world,
          soonMs,
          () => dataOf(world, secret),
          (data) => (data.token ?? '') !== '',
        );
        return token === before ? 'the same' : (token ?? '') === '' ? 'empty' : 'another';
      };
      await write('');
      const cleared = await filled();
      const [header = '', payload = '', signature = ''] = decoded(before).split('.');
      const forged = [header, payload, [...signature].reverse().join('')].join('.');
      await write(Buffer.from(forged).toString('base64'));
      await world.pass(3_000);
      const edited = decoded((await dataOf(world, secret)).token) === forged ? 'left as it is' : 'changed';
      const tokenOfBefore = await until(
        world,
        cacheMs,
        () => whoAmI(world, node, decoded(before)),
        (answer) => answer === 401,
      );
      const editedToken = await whoAmI(world, node, forged);
      await write('');
      const clearedAgain = await filled();
      const works = await until(
        world,
        cacheMs,
        () => whoAmI(world, node, decoded(before)),
        (answer) => typeof answer === 'string',
      );
      return { cleared, edited, tokenOfBefore, editedToken, clearedAgain, worksAgain: typeof works === 'string' };
    },
  },
  {
    id: 'token-secret-ca-is-mended',
    rule: '4.2: needsCA rewrites ca.crt alone',
    title: 'ca.crt of a token Secret that is edited is written again, and the token is not touched',
    area: 'service accounts',
    disturbs: 'restores-itself',
    expected: { ca: 'mended', token: 'the same', removedCa: 'mended' },
    async run(world, undo) {
      const secret = await tokenSecret(world, await scratchNamespace(world, undo));
      const before = await dataOf(world, secret);
      const mended = async (): Promise<string> =>
        (
          await until(
            world,
            soonMs,
            () => dataOf(world, secret),
            (data) => data['ca.crt'] === before['ca.crt'],
          )
        )['ca.crt'] === before['ca.crt']
          ? 'mended'
          : 'as it was edited';
      await world.kube.patch(secret, { data: { 'ca.crt': Buffer.from('edited').toString('base64') } }, { deadlineMs: callMs });
      const ca = await mended();
      const token = (await dataOf(world, secret)).token === before.token ? 'the same' : 'another';
      await world.kube.patch(secret, { data: { 'ca.crt': null } }, { deadlineMs: callMs });
      return { ca, token, removedCa: await mended() };
    },
  },
  {
    id: 'token-of-a-deleted-secret',
    rule: '3.2 K1, 0.3 (10 s success cache), 4.2: delete is not re-created',
    title: 'With its Secret deleted a token is refused, 10 s later at most, and the Secret is not made again',
    area: 'service accounts',
    disturbs: 'restores-itself',
    expected: { before: true, after: 401, madeAgain: false },
    async run(world, undo) {
      const node = controlPlane(world);
      const secret = await tokenSecret(world, await scratchNamespace(world, undo));
      const token = decoded((await dataOf(world, secret)).token);
      const before = typeof (await whoAmI(world, node, token)) === 'string';
      await world.kube.remove(secret, { deadlineMs: callMs });
      const after = await until(
        world,
        cacheMs,
        () => whoAmI(world, node, token),
        (answer) => answer === 401,
      );
      return { before, after, madeAgain: (await world.kube.read(secret, { deadlineMs: callMs })) !== undefined };
    },
  },
  {
    id: 'token-secret-immutable',
    rule: '4.2: immutable Secrets refuse the update',
    title: 'The token of an immutable Secret cannot be cleared',
    area: 'service accounts',
    disturbs: 'restores-itself',
    expected: { status: 422, reason: 'Invalid', says: true },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      const secret = await tokenSecret(world, namespace);
      await world.kube.patch(secret, { immutable: true }, { deadlineMs: callMs });
      const object = await world.kube.read(secret, { deadlineMs: callMs });
      const cleared = { ...object, data: { ...(object?.data as object), token: '' } };
      const answer = await world.kube.call('PUT', `/api/v1/namespaces/${namespace}/secrets/${secret.name}`, cleared, { deadlineMs: callMs });
      const { reason = '', message = '' } = JSON.parse(answer.body) as { reason?: string; message?: string };
      return { status: answer.status, reason, says: message.includes('data: Forbidden: field is immutable when `immutable` is set') };
    },
  },
  {
    id: 'token-by-request',
    rule: '3.2 K2, 2.4',
    title: 'A bound token is signed by the same key, ends, is issued by the cluster, lets in its account, and no longer when the account is gone',
    area: 'service accounts',
    disturbs: 'restores-itself',
    expected: {
      status: 201,
      kidIsOfSecretToken: true,
      issuer: 'https://kubernetes.default.svc.cluster.local',
      livesMinutes: 10,
      user: 'system:serviceaccount:NAMESPACE:other',
      accountGone: 401,
    },
    async run(world, undo) {
      const node = controlPlane(world);
      const namespace = await scratchNamespace(world, undo);
      const legacy = decoded((await dataOf(world, await tokenSecret(world, namespace))).token);
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', namespace, name: 'other' };
      await world.kube.create({ ...account, metadata: { name: 'other', namespace } }, { deadlineMs: callMs });
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } };
      const answer = await world.kube.call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/other/token`, body, { deadlineMs: callMs });
      const token = (JSON.parse(answer.body) as { status?: { token?: string } }).status?.token ?? '';
      const { kid, claims } = partsOf(token);
      const user = String(await whoAmI(world, node, token)).replace(namespace, 'NAMESPACE');
      await world.kube.remove(account, { deadlineMs: callMs });
      return {
        status: answer.status,
        kidIsOfSecretToken: kid === partsOf(legacy).kid,
        issuer: claims.iss ?? '',
        livesMinutes: Math.round(((claims.exp ?? 0) * 1000 - Date.now()) / 60_000),
        user,
        accountGone: await until(
          world,
          cacheMs,
          () => whoAmI(world, node, token),
          (now) => now === 401,
        ),
      };
    },
  },
];
