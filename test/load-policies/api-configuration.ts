/** API server: files of configuration that name who is let in, and what their clients of webhooks and issuers trust. */

import { withFlags } from '../../src/domain/cluster/manifest.js';
import type { Undo } from '../fidelity/behaviour.js';
import { pidOf } from '../fidelity/components.js';
import { caOfCluster, leafOf, newCa, pkiFolder, probeUser } from '../fidelity/credentials.js';
import { addFile, writeAgain } from '../fidelity/node-files.js';
import { askApi, whoAmI } from '../fidelity/questions.js';
import { callMs, controlPlane, type World } from '../fidelity/world.js';
import { becomes, type Experiment, hotMs, runWith } from './experiment.js';
import { kubeconfigOf, listen } from './listener.js';
import { audience, newIssuer } from './tokens.js';

const api = 'kube-apiserver';
const file = (name: string): string => `${pkiFolder}/load-policies-${name}`;

function authenticationConfig(issuer: { url: string; caPem: string; prefix: string }): string {
  const certificateAuthority = issuer.caPem
    .trim()
    .split('\n')
    .map((line) => `      ${line}`)
    .join('\n');
  return `apiVersion: apiserver.config.k8s.io/v1beta1
kind: AuthenticationConfiguration
jwt:
- issuer:
    url: ${issuer.url}
    audiences: [${audience}]
    certificateAuthority: |
${certificateAuthority}
  claimMappings:
    username: {claim: sub, prefix: "${issuer.prefix}:"}
`;
}

function authorizationConfig(webhookFile?: string): string {
  const webhook =
    webhookFile === undefined
      ? ''
      : `- type: Webhook
  name: listener
  webhook:
    timeout: 3s
    subjectAccessReviewVersion: v1
    matchConditionSubjectAccessReviewVersion: v1
    authorizedTTL: 1s
    unauthorizedTTL: 1s
    failurePolicy: NoOpinion
    connectionInfo: {type: KubeConfigFile, kubeConfigFile: ${webhookFile}}
`;
  return `apiVersion: apiserver.config.k8s.io/v1beta1
kind: AuthorizationConfiguration
authorizers:
- {type: Node, name: node}
- {type: RBAC, name: rbac}
${webhook}`;
}

async function listNamespaces(world: World, by: Parameters<typeof askApi>[2]['by']): Promise<number> {
  return (await askApi(world, controlPlane(world), { path: '/api/v1/namespaces?limit=1', by })).status;
}

async function startedAs(world: World, undo: Undo, flags: Readonly<Record<string, string | undefined>>): Promise<{ again(): Promise<void>; pid: number }> {
  const node = controlPlane(world).name;
  const run = await runWith(world, undo, node, api, (text) => withFlags(text, flags));
  return { ...run, pid: await pidOf(world, node, api) };
}

export const apiConfiguration: readonly Experiment[] = [
  {
    id: 'authentication-config',
    rows: [[api, 'authentication-config']],
    rule: 'from 1.30: WatchUntil',
    title: 'Another AuthenticationConfiguration is in force within a minute without a restart, the CA of its issuer too; one that is no YAML changes nothing',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { before: 'first:alice', afterOther: 'second:alice', afterMalformed: 'second:alice', sameProcess: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const [caA, caB] = [await newCa('issuer-a'), await newCa('issuer-b')];
      const issuer = newIssuer('one');
      const server = await listen(world, undo, caA, ({ path }) => issuer.answer(path, server.url));
      const at = { node: node.name, path: file('authentication.yaml') };
      await addFile(world, undo, at, authenticationConfig({ url: server.url, caPem: caA.certificatePem, prefix: 'first' }));
      const { pid } = await startedAs(world, undo, { 'authentication-config': at.path });
      const who = (): Promise<string | number> => whoAmI(world, node, issuer.token('alice', server.url));
      await becomes(world, 30_000, async () => (await who()) === 'first:alice');
      const before = await who();
      await server.serveUnder(caB);
      await writeAgain(world, at, authenticationConfig({ url: server.url, caPem: caB.certificatePem, prefix: 'second' }));
      await becomes(world, hotMs, async () => (await who()) === 'second:alice');
      const afterOther = await who();
      await writeAgain(world, at, 'kind: [');
      await world.pass(hotMs);
      return { before, afterOther, afterMalformed: await who(), sameProcess: (await pidOf(world, node.name, api)) === pid };
    },
  },
  {
    id: 'authorization-config',
    rows: [[api, 'authorization-config']],
    rule: 'from 1.30: reloadInterval',
    title: 'A webhook that is added to an AuthorizationConfiguration is asked within a minute without a restart, and taken out it is not',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { before: 403, added: 200, removed: 403, sameProcess: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const ca = await newCa('authorizer');
      const server = await listen(world, undo, ca, ({ body }) => {
        const review = JSON.parse(body) as { spec: { user: string } };
        return { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', status: { allowed: review.spec.user === probeUser } };
      });
      const at = { node: node.name, path: file('authorization.yaml') };
      await addFile(world, undo, { node: node.name, path: file('authorizer.conf') }, kubeconfigOf(server.url, ca.certificatePem));
      await addFile(world, undo, at, authorizationConfig());
      const { pid } = await startedAs(world, undo, { 'authorization-mode': undefined, 'authorization-config': at.path });
      const leaf = await leafOf(await caOfCluster(world));
      const before = await listNamespaces(world, leaf);
      await writeAgain(world, at, authorizationConfig(file('authorizer.conf')));
      await becomes(world, hotMs, async () => (await listNamespaces(world, leaf)) === 200);
      const added = await listNamespaces(world, leaf);
      await writeAgain(world, at, authorizationConfig());
      await becomes(world, hotMs, async () => (await listNamespaces(world, leaf)) === 403);
      return { before, added, removed: await listNamespaces(world, leaf), sameProcess: (await pidOf(world, node.name, api)) === pid };
    },
  },
  {
    id: 'oidc-ca-file',
    rows: [[api, 'oidc-ca-file']],
    rule: 'read when the authenticator is made',
    title: 'An issuer with a leaf of another CA and another key: the new --oidc-ca-file is not read, tokens of the new key are refused until a restart',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { before: 'oidc:alice', withoutRestart: 401, restarted: 'oidc:alice' },
    async run(world, undo) {
      const node = controlPlane(world);
      const [caA, caB] = [await newCa('issuer-a'), await newCa('issuer-b')];
      let issuer = newIssuer('one');
      const server = await listen(world, undo, caA, ({ path }) => issuer.answer(path, server.url));
      const at = { node: node.name, path: file('oidc-ca.crt') };
      await addFile(world, undo, at, caA.certificatePem);
      const { again } = await startedAs(world, undo, { 'oidc-issuer-url': server.url, 'oidc-client-id': audience, 'oidc-username-prefix': 'oidc:', 'oidc-ca-file': at.path });
      const who = (): Promise<string | number> => whoAmI(world, node, issuer.token('alice', server.url));
      await becomes(world, 30_000, async () => (await who()) === 'oidc:alice');
      const before = await who();
      issuer = newIssuer('two');
      await server.serveUnder(caB);
      await writeAgain(world, at, caB.certificatePem);
      await becomes(world, hotMs, async () => (await who()) === 'oidc:alice');
      const withoutRestart = await who();
      await again();
      await becomes(world, 30_000, async () => (await who()) === 'oidc:alice');
      return { before, withoutRestart, restarted: await who() };
    },
  },
  {
    id: 'kubeconfigs-of-webhooks',
    rows: [
      [api, 'admission-control-config-file'],
      [api, 'audit-webhook-config-file'],
      [api, 'authentication-token-webhook-config-file'],
      [api, 'authorization-webhook-config-file'],
    ],
    rule: 'read when the client is made',
    title: 'A server of webhooks with a leaf of another CA: the kubeconfigs that name the new CA are not read, and none of the four calls arrives until a restart',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: {
      before: { admission: true, audit: true, authentication: true, authorization: true },
      withoutRestart: { admission: false, audit: false, authentication: false, authorization: false },
      restarted: { admission: true, audit: true, authentication: true, authorization: true },
    },
    async run(world, undo) {
      const node = controlPlane(world);
      const [caA, caB] = [await newCa('webhooks-a'), await newCa('webhooks-b')];
      const kinds = ['admission', 'audit', 'authentication', 'authorization'] as const;
      const server = await listen(world, undo, caA, ({ path, body }) => webhookAnswer(path, body));
      const conf = (kind: string): string => file(`${kind}.conf`);
      for (const kind of kinds) await addFile(world, undo, { node: node.name, path: conf(kind) }, kubeconfigOf(`${server.url}/${kind}`, caA.certificatePem));
      await addFile(world, undo, { node: node.name, path: file('admission.yaml') }, admissionConfiguration(conf('admission')));
      const { again } = await startedAs(world, undo, {
        'enable-admission-plugins': 'NodeRestriction,ImagePolicyWebhook',
        'admission-control-config-file': file('admission.yaml'),
        'audit-webhook-config-file': conf('audit'),
        'audit-webhook-batch-max-wait': '2s',
        'authentication-token-webhook-config-file': conf('authentication'),
        'authorization-mode': 'Node,RBAC,Webhook',
        'authorization-webhook-config-file': conf('authorization'),
      });
      const leaf = await leafOf(await caOfCluster(world));
      let round = 0;
      /** Does what each of the four is called for, and says which calls have come. */
      const called = async (): Promise<Record<string, boolean>> => {
        round += 1;
        const from = server.heard.length;
        await whoAmI(world, node, `load-policies-token-${round}`);
        await askApi(world, node, { path: `/api/v1/namespaces/load-policies-${round}`, by: leaf });
        await dryRunPod(world, round);
        await world.pass(4_000);
        return Object.fromEntries(kinds.map((kind) => [kind, server.heard.slice(from).some(({ path }) => path.startsWith(`/${kind}`))]));
      };
      const settled = async (want: boolean, ms: number): Promise<Record<string, boolean>> => {
        let last: Record<string, boolean> = {};
        await becomes(world, ms, async () => {
          last = await called();
          return Object.values(last).every((is) => is === want);
        });
        return last;
      };
      const before = await settled(true, 30_000);
      await server.serveUnder(caB);
      for (const kind of kinds) await writeAgain(world, { node: node.name, path: conf(kind) }, kubeconfigOf(`${server.url}/${kind}`, caB.certificatePem));
      await world.pass(hotMs);
      const withoutRestart = await called();
      await again();
      return { before, withoutRestart, restarted: await settled(true, 60_000) };
    },
  },
];

function admissionConfiguration(conf: string): string {
  return `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ImagePolicyWebhook
  configuration:
    imagePolicy: {kubeConfigFile: ${conf}, allowTTL: 1, denyTTL: 1, retryBackoff: 100, defaultAllow: true}
`;
}

function webhookAnswer(path: string, body: string): unknown {
  const asked = JSON.parse(body) as { apiVersion: string; kind: string };
  if (path.startsWith('/admission')) return { ...asked, status: { allowed: true } };
  if (path.startsWith('/authentication')) return { apiVersion: asked.apiVersion, kind: asked.kind, status: { authenticated: false } };
  if (path.startsWith('/authorization')) return { apiVersion: asked.apiVersion, kind: asked.kind, status: { allowed: false } };
  return {};
}

/** The image differs each time: what was allowed is remembered. */
async function dryRunPod(world: World, round: number): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `load-policies-${round}`, namespace: 'default' },
    spec: { containers: [{ name: 'idle', image: `${world.idleImage}-${round}` }] },
  };
  const { address } = controlPlane(world);
  await world.kube.at(`https://${address}:6443`).call('POST', '/api/v1/namespaces/default/pods?dryRun=All', pod, { deadlineMs: callMs });
}
