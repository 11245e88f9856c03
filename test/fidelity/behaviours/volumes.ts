/** Volumes of pods as files on their node: how the kubelet writes them, when it writes them anew, and when they go. */

import { randomBytes } from 'node:crypto';
import type { KubeObject, ObjectRef } from '../../../src/ports/kube.js';
import type { Behaviour } from '../behaviour.js';
import { fingerprintOf } from '../questions.js';
import { dataOf, deployment, podsIn, podTemplate, scratchNamespace, statusOf, tokenSecret } from '../scratch.js';
import { mustBecome, until } from '../until.js';
import { callMs, type World } from '../world.js';

/** The sync of a pod takes 60 to 90 s to come; the rest is for the lab. */
const syncMs = 120_000;
const soonMs = 15_000;

interface Mounted {
  readonly node: string;
  readonly uid: string;
  /** Of the volume. */
  readonly folder: string;
}

async function podOf(world: World, namespace: string): Promise<KubeObject> {
  const [pod] = await podsIn(world, namespace);
  if (pod === undefined) throw new Error(`no pod in ${namespace}`);
  return pod;
}

function mountedIn(pod: KubeObject, plugin: string, volume: (name: string) => boolean): Mounted {
  const { nodeName = '', volumes = [] } = pod.spec as { readonly nodeName?: string; readonly volumes?: readonly { readonly name: string }[] };
  const uid = pod.metadata.uid ?? '';
  const name = volumes.find((one) => volume(one.name))?.name ?? '';
  return { node: nodeName, uid, folder: `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~${plugin}/${name}` };
}

async function on(world: World, { node }: { readonly node: string }, script: string): Promise<string> {
  return (await world.shell(node).must(script, { deadlineMs: callMs })).trim();
}

const accountOf = (pod: KubeObject): Mounted => mountedIn(pod, 'projected', (name) => name.startsWith('kube-api-access-'));

/** A pod with a ConfigMap of its own in a projected volume, as ca.crt lies in that of an account. */
async function withConfigMap(world: World, namespace: string): Promise<{ readonly pod: KubeObject; readonly map: ObjectRef; readonly mounted: Mounted }> {
  const map: ObjectRef = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'trust' };
  await world.kube.create({ ...map, metadata: { name: map.name, namespace }, data: { 'ca.crt': 'one' } }, { deadlineMs: callMs });
  await withVolume(world, namespace, { name: 'trust', projected: { sources: [{ configMap: { name: 'trust' } }] } });
  const pod = await podOf(world, namespace);
  return { pod, map, mounted: mountedIn(pod, 'projected', (name) => name === 'trust') };
}

async function withVolume(world: World, namespace: string, volume: { readonly name: string } & Readonly<Record<string, unknown>>): Promise<void> {
  const labels = { app: 'idle' };
  const { metadata, spec } = podTemplate(world, labels) as { metadata: object; spec: { containers: object[] } };
  const containers = spec.containers.map((container) => ({ ...container, volumeMounts: [{ name: volume.name, mountPath: '/mounted', readOnly: true }] }));
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: 'idle' };
  await world.kube.create(
    {
      ...ref,
      metadata: { name: 'idle', namespace },
      spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata, spec: { ...spec, containers, volumes: [volume] } } },
    },
    { deadlineMs: callMs },
  );
  await mustBecome(
    world,
    'the pod is ready',
    90_000,
    () => statusOf(world, ref),
    ({ readyReplicas }) => readyReplicas === 1,
  );
}

const containerOf = (pod: KubeObject): string =>
  (pod.status as { readonly containerStatuses?: readonly { readonly containerID?: string }[] }).containerStatuses?.[0]?.containerID ?? '';

export const volumes: readonly Behaviour[] = [
  {
    id: 'volume-of-an-account',
    rule: '0.2 V, 2.4; step await-volumes reads these files',
    title:
      'The volume of a service account on the node: ca.crt, namespace and token are links through ..data into a dated folder; ca.crt is what is published, the token is of this pod',
    area: 'kubelet',
    disturbs: 'restores-itself',
    expected: {
      links: ['..data/ca.crt', '..data/namespace', '..data/token'],
      folders: 1,
      isDated: true,
      modes: { pod: '750', volume: '1777', dated: '755', file: '644' },
      ca: 'as published',
      namespace: true,
      token: 'of this pod',
    },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      await deployment(world, namespace, 1);
      const pod = await podOf(world, namespace);
      const at = accountOf(pod);
      const lines = await on(
        world,
        at,
        `cd ${at.folder}\nreadlink ca.crt namespace token ..data\nls -d ..[0-9]* | wc -l\nstat -c %a /var/lib/kubelet/pods/${at.uid} . "$(readlink ..data)" ..data/token\ncat namespace; echo\ncat token; echo\nbase64 -w0 < ca.crt; echo`,
      );
      const [ca = '', namespaceLink = '', tokenLink = '', dated = '', folders = '', podMode = '', volume = '', datedMode = '', file = '', name = '', token = '', pem = ''] = lines
        .split('\n')
        .map((line) => line.trim());
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
        readonly 'kubernetes.io'?: { readonly pod?: { readonly uid?: string } };
      };
      const published = (await dataOf(world, { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'kube-root-ca.crt' }))['ca.crt'] ?? '';
      return {
        links: [ca, namespaceLink, tokenLink],
        folders: Number(folders),
        isDated: /^\.\.\d{4}(_\d\d){5}\.\w+$/.test(dated),
        modes: { pod: podMode, volume, dated: datedMode, file },
        ca: fingerprintOf(Buffer.from(pem, 'base64').toString('utf8')) === fingerprintOf(published) ? 'as published' : 'another',
        namespace: name === namespace,
        token: claims['kubernetes.io']?.pod?.uid === at.uid ? 'of this pod' : 'of another',
      };
    },
  },
  {
    id: 'volume-of-a-token-secret',
    rule: '2.1, 4.2: legacy pods mount the Secret; step await-volumes reads these files',
    title: 'A Secret as a volume lies below kubernetes.io~secret, a file for each key, through ..data as well',
    area: 'kubelet',
    disturbs: 'restores-itself',
    expected: { files: ['ca.crt', 'namespace', 'token'], link: '..data/ca.crt', same: true },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      const secret = await tokenSecret(world, namespace);
      await withVolume(world, namespace, { name: 'legacy', secret: { secretName: secret.name } });
      const at = mountedIn(await podOf(world, namespace), 'secret', (name) => name === 'legacy');
      const [link = '', pem = '', ...files] = (await on(world, at, `cd ${at.folder}\nreadlink ca.crt\nbase64 -w0 < ca.crt; echo\nls`)).split('\n');
      return { files, link, same: pem === (await dataOf(world, secret))['ca.crt'] };
    },
  },
  {
    id: 'volume-follows-a-changed-pod',
    rule: '0.2 V: k/k pkg/kubelet/pod_workers.go, volumemanager: a sync of the pod mounts its volumes anew',
    title: 'A ConfigMap has changed: at the next change of the pod itself its volume follows within seconds, by another dated folder; nothing restarts',
    area: 'kubelet',
    disturbs: 'restores-itself',
    expected: { notYet: 'one', follows: 'two', otherFolder: true, folders: 1, sameContainer: true },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      const { pod, map, mounted } = await withConfigMap(world, namespace);
      const before = await on(world, mounted, `readlink ${mounted.folder}/..data`);
      const text = (): Promise<string> => on(world, mounted, `cat ${mounted.folder}/ca.crt`);
      let [last, wanted, notYet] = ['', 'one', ''];
      // The pod may just then have its sync of every minute: that tells nothing, and the next change comes long before another.
      for (const next of ['two', 'three', 'four']) {
        [last, wanted] = [wanted, next];
        await world.kube.patch(map, { data: { 'ca.crt': wanted } }, { deadlineMs: callMs });
        notYet = await text();
        if (notYet === last) break;
        await until(world, soonMs, text, (now) => now === wanted);
      }
      // Told as if it was the first change.
      const words = (now: string): string => (now === last ? 'one' : now === wanted ? 'two' : now);
      // The kubelet's own watch of the ConfigMap needs a moment.
      await world.pass(2_000);
      const ref = { apiVersion: 'v1', kind: 'Pod', namespace, name: pod.metadata.name };
      await world.kube.patch(ref, { metadata: { annotations: { 'fidelity/changed': randomBytes(4).toString('hex') } } }, { deadlineMs: callMs });
      const follows = await until(world, soonMs, text, (now) => now === wanted);
      const [after, folders] = (await on(world, mounted, `cd ${mounted.folder}\nreadlink ..data\nls -d ..[0-9]* | wc -l`)).split('\n');
      return {
        notYet: words(notYet),
        follows: words(follows),
        otherFolder: after !== before,
        folders: Number(folders),
        sameContainer: containerOf(await podOf(world, namespace)) === containerOf(pod),
      };
    },
  },
  {
    id: 'volume-follows-its-config-map',
    rule: '0.2 V: 60 to 90 s',
    title: 'A ConfigMap has changed: the volume of a pod follows by itself, after a minute and a half at most',
    area: 'kubelet',
    disturbs: 'restores-itself',
    slow: true,
    expected: { follows: 'two', within: true },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      const { map, mounted } = await withConfigMap(world, namespace);
      await world.kube.patch(map, { data: { 'ca.crt': 'two' } }, { deadlineMs: callMs });
      const startedAt = performance.now();
      const follows = await until(
        world,
        syncMs,
        () => on(world, mounted, `cat ${mounted.folder}/ca.crt`),
        (text) => text === 'two',
      );
      return { follows, within: performance.now() - startedAt < world.patience(syncMs) };
    },
  },
  {
    id: 'volume-goes-with-its-pod',
    rule: 'k/k pkg/kubelet/kubelet_pods.go: a pod leaves the API when its volumes are gone; step await-volumes leaves out folders of pods that are gone',
    title: 'When a pod is gone from the API nothing of its volumes is left on the node, and soon nor is its folder',
    area: 'kubelet',
    disturbs: 'restores-itself',
    expected: { volumes: 'gone', folder: 'gone' },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      const ref = await deployment(world, namespace, 1);
      const pod = await podOf(world, namespace);
      const at = accountOf(pod);
      await world.kube.patch(ref, { spec: { replicas: 0 } }, { deadlineMs: callMs });
      await mustBecome(
        world,
        'the pod is gone',
        60_000,
        () => world.kube.read({ apiVersion: 'v1', kind: 'Pod', namespace, name: pod.metadata.name }, { deadlineMs: callMs }),
        (found) => found === undefined,
      );
      const left = (what: string) => () => on(world, at, `[ -e ${what} ] && echo left || echo gone`);
      const volumesLeft = await left(`${at.folder}/ca.crt`)();
      return { volumes: volumesLeft, folder: await until(world, 60_000, left(`/var/lib/kubelet/pods/${at.uid}`), (state) => state === 'gone') };
    },
  },
  {
    id: 'kubelet-restart-renews-tokens',
    rule: '2.4: a kubelet restart empties its cache of tokens',
    title: 'After a restart of its kubelet a pod has another token in its volume, and the same container',
    area: 'kubelet',
    disturbs: 'restores-itself',
    expected: { other: true, sameContainer: true },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      await deployment(world, namespace, 1);
      const pod = await podOf(world, namespace);
      const at = accountOf(pod);
      const hash = (): Promise<string> => on(world, at, `sha256sum < ${at.folder}/token`);
      const before = await hash();
      await on(world, at, 'systemctl restart kubelet');
      const after = await until(world, syncMs, hash, (now) => now !== before);
      return { other: after !== before, sameContainer: containerOf(await podOf(world, namespace)) === containerOf(pod) };
    },
  },
];
