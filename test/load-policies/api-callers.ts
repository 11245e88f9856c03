/** API server as a client of what objects name: webhooks and aggregated APIs. */

import type { KubeObject } from '../../src/ports/kube.js';
import type { Ca } from '../../src/x509/certificate-authority.js';
import { caOfCluster, leafOf, newCa } from '../fidelity/credentials.js';
import { pidOf } from '../fidelity/components.js';
import { scratchNamespace, uniqueName } from '../fidelity/scratch.js';
import { callMs, controlPlane, type World } from '../fidelity/world.js';
import { proxyPairOn } from './api-files.js';
import { becomes, type Experiment, hotMs } from './experiment.js';
import { listen } from './listener.js';

const api = 'kube-apiserver';
const base64 = (ca: Ca): string => Buffer.from(ca.certificatePem).toString('base64');
const secondsMs = 20_000;

function webhook(name: string, namespace: string, url: string, ca: Ca): KubeObject {
  const rule = { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] };
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  const clientConfig = { url: `${url}/webhook`, caBundle: base64(ca) };
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name },
    webhooks: [
      {
        name: 'load-policies.lab.local',
        clientConfig,
        rules: [rule],
        namespaceSelector,
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        failurePolicy: 'Fail',
        timeoutSeconds: 3,
      },
    ],
  };
}

/** A Service without a selector, and where it leads: out of the cluster. Aggregators of 1.30 look for Endpoints; EndpointSlices are made from them. */
function service(namespace: string, address: string, port: number): KubeObject[] {
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'probe', namespace }, spec: { ports: [{ name: 'https', port: 443, targetPort: port }] } },
    {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'probe', namespace },
      subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
    },
  ];
}

const group = 'load-policies.lab.local';

function apiService(namespace: string, ca: Ca): KubeObject {
  const spec = { group, version: 'v1', service: { namespace, name: 'probe', port: 443 }, caBundle: base64(ca), groupPriorityMinimum: 100, versionPriority: 100 };
  return { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: `v1.${group}` }, spec };
}

/** The same object with another bundle, whatever has happened to it meanwhile. */
async function replaceBundle(world: World, object: KubeObject, change: (found: KubeObject) => KubeObject): Promise<void> {
  const found = await world.kube.read({ ...object, name: object.metadata.name }, { deadlineMs: callMs });
  if (found === undefined) throw new Error(`${object.kind} ${object.metadata.name} is gone`);
  await world.kube.replace(change(found), { deadlineMs: callMs });
}

export const apiCallers: readonly Experiment[] = [
  {
    id: 'bundle-of-a-webhook',
    rows: [[api, 'webhook caBundle']],
    rule: 'HookClient: its cache key holds the bundle',
    title: 'A webhook whose server has a leaf of another CA is not called, and is within seconds of its caBundle naming that CA, without a restart',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { before: 201, otherServer: 500, otherBundle: 201, sameProcess: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const namespace = await scratchNamespace(world, undo);
      const [caA, caB] = [await newCa('webhook-a'), await newCa('webhook-b')];
      const server = await listen(world, undo, caA, ({ body }) => {
        const { request } = JSON.parse(body) as { request: { uid: string } };
        return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: request.uid, allowed: true } };
      });
      const name = uniqueName('load-policies');
      const object = webhook(name, namespace, server.url, caA);
      undo.add('the webhook is gone', () => world.kube.remove({ ...object, name }, { deadlineMs: callMs }));
      await world.kube.create(object, { deadlineMs: callMs });
      const pid = await pidOf(world, node.name, api);
      const kube = world.kube.at(`https://${node.address}:6443`);
      const create = async (): Promise<number> => {
        const from = server.heard.length;
        const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: uniqueName('map'), namespace } };
        const { status } = await kube.call('POST', `/api/v1/namespaces/${namespace}/configmaps?dryRun=All`, map, { deadlineMs: callMs });
        // Before it knows of the webhook an API server lets everything pass.
        return status === 201 && server.heard.length === from ? 0 : status;
      };
      await becomes(world, secondsMs, async () => (await create()) === 201);
      const before = await create();
      await server.serveUnder(caB);
      const otherServer = await create();
      await replaceBundle(world, object, (found) => ({ ...found, webhooks: webhook(name, namespace, server.url, caB).webhooks }));
      await becomes(world, secondsMs, async () => (await create()) === 201);
      return { before, otherServer, otherBundle: await create(), sameProcess: (await pidOf(world, node.name, api)) === pid };
    },
  },
  {
    id: 'aggregated-api',
    rows: [
      [api, 'apiservice caBundle'],
      [api, 'proxy-client-cert-file'],
    ],
    rule: 'handler_proxy.go updateAPIService',
    title: 'An aggregated API is reached again within seconds of its caBundle naming the CA of its server, and sees another front-proxy leaf within a minute, without a restart',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { before: 200, otherServer: 503, otherBundle: 200, client: 'front-proxy-client', otherClient: 'front-proxy-incoming', sameProcess: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const namespace = await scratchNamespace(world, undo);
      const ca = async (name: string): Promise<Ca> => newCa(name);
      const [caA, caB] = [await ca('aggregated-a'), await ca('aggregated-b')];
      const server = await listen(world, undo, caA, () => ({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group}/v1`, resources: [] }), [`probe.${namespace}.svc`]);
      const object = apiService(namespace, caA);
      undo.add('the aggregated API is gone', () => world.kube.remove({ ...object, name: object.metadata.name }, { deadlineMs: callMs }));
      for (const one of [...service(namespace, world.loadBalancer.host, server.port), object]) await world.kube.create(one, { deadlineMs: callMs });
      const pid = await pidOf(world, node.name, api);
      const kube = world.kube.at(`https://${node.address}:6443`);
      const ask = async (): Promise<number> => (await kube.get(`/apis/${group}/v1/things`, { deadlineMs: callMs })).status;
      const client = (): string => server.heard.findLast(({ path }) => path.startsWith(`/apis/${group}/v1/things`))?.client ?? '';
      await becomes(world, 60_000, async () => (await ask()) === 200);
      const before = await ask();
      const ownClient = client();
      await server.serveUnder(caB);
      await becomes(world, secondsMs, async () => (await ask()) === 503);
      const otherServer = await ask();
      await replaceBundle(world, object, (found) => ({ ...found, spec: { ...(found.spec as object), caBundle: base64(caB) } }));
      await becomes(world, 60_000, async () => (await ask()) === 200);
      const otherBundle = await ask();
      await proxyPairOn(world, undo, node, await leafOf(await caOfCluster(world, 'front-proxy-ca'), { commonName: 'front-proxy-incoming' }));
      await becomes(world, hotMs, async () => {
        server.cut();
        await ask();
        return client() === 'front-proxy-incoming';
      });
      return { before, otherServer, otherBundle, client: ownClient, otherClient: client(), sameProcess: (await pidOf(world, node.name, api)) === pid };
    },
  },
];
