/** Clients of client-go: the CA that they trust and who they are, in files and in data, with nobody who restarts them. */

import { withFlags } from '../../src/domain/cluster/manifest.js';
import type { Undo } from '../fidelity/behaviour.js';
import { caOfCluster, leafOf, newCa, pkiFolder } from '../fidelity/credentials.js';
import { addFile, writeAgain } from '../fidelity/node-files.js';
import { scratchNamespace } from '../fidelity/scratch.js';
import { mustBecome } from '../fidelity/until.js';
import { callMs, controlPlane, type World, worker } from '../fidelity/world.js';
import { type ClientPod, type Material, type Program, secretData, serverOf, startPods, type Style, writeSecrets } from './client-pods.js';
import { becomes, cutConnections, type Experiment, hotMs, nowMs, polledMs, runWith, usersSince } from './experiment.js';
import { restartKubelet, servingPairOn } from './kubelets.js';

const hourMs = 3_600_000;
const programs: Readonly<Record<string, Program>> = { scheduler: 'kube-scheduler', manager: 'kube-controller-manager', proxy: 'kube-proxy' };
const styles: readonly Style[] = ['files', 'token', 'data'];

const clients: readonly ClientPod[] = [
  ...Object.entries(programs).flatMap(([short, program]) => styles.map((style) => ({ name: `${short}-${style}`, program, style }))),
  { name: 'in-cluster', program: 'kube-scheduler', style: 'in-cluster' },
];

/** Two identities of each client, `a` and `b`. */
type Identity = 'a' | 'b';
type GotIn = Readonly<Record<string, Identity | 'nobody'>>;

class Clients {
  readonly #materials = new Map<string, Readonly<Record<Identity, Material>>>();

  readonly world: World;
  readonly namespace: string;
  readonly version: string;

  private constructor(world: World, namespace: string, version: string) {
    this.world = world;
    this.namespace = namespace;
    this.version = version;
  }

  static async make(world: World, undo: Undo, version: string): Promise<Clients> {
    const self = new Clients(world, await scratchNamespace(world, undo), version);
    const { namespace } = self;
    await self.#allow(undo);
    for (const client of clients) {
      self.#materials.set(client.name, { a: await self.#material(client, 'a'), b: await self.#material(client, 'b') });
      await world.kube.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: client.name, namespace }, data: {} }, { deadlineMs: callMs });
    }
    return self;
  }

  /** They may do everything, so that nothing but their credentials can keep them out. */
  async #allow(undo: Undo): Promise<void> {
    const name = `load-policies-${this.namespace}`;
    const ref = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', name };
    undo.add('the clients have no rights', () => this.world.kube.remove(ref, { deadlineMs: callMs }));
    const apiGroup = 'rbac.authorization.k8s.io';
    const subjects = [`system:serviceaccounts:${this.namespace}`, this.namespace].map((group) => ({ kind: 'Group', apiGroup, name: group }));
    await this.world.kube.create({ ...ref, metadata: { name }, roleRef: { apiGroup, kind: 'ClusterRole', name: 'cluster-admin' }, subjects }, { deadlineMs: callMs });
  }

  async #material({ name }: ClientPod, identity: Identity): Promise<Material> {
    const { world, namespace } = this;
    const ca = await caOfCluster(world);
    const account = `${name}-${identity}`;
    const leaf = await leafOf(ca, { commonName: this.#certified(name, identity), organizations: [namespace], notAfterMs: Date.now() + hourMs });
    await world.kube.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account, namespace } }, { deadlineMs: callMs });
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: hourMs / 1000 } };
    const answer = await world.kube.call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, request, { deadlineMs: callMs });
    const { token } = (JSON.parse(answer.body) as { status: { token: string } }).status;
    return { caPem: ca.certificatePem, certificatePem: leaf.certificatePem, keyPem: leaf.key.reveal().toString('utf8'), token };
  }

  #certified(name: string, identity: Identity): string {
    return `${this.namespace}:${name}:${identity}`;
  }

  async write(identity: Identity, caPem?: string): Promise<void> {
    const { world, namespace } = this;
    await writeSecrets(world, clients, namespace, (client) => this.#data(client, identity, caPem));
  }

  /** With the Secrets as they are to be, before there is a pod whose volume could be looked at. */
  async start(identity: Identity, caPem?: string): Promise<void> {
    const { world, namespace, version } = this;
    for (const client of clients) {
      const data = Object.fromEntries(Object.entries(this.#data(client, identity, caPem)).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
      await world.kube.patch({ apiVersion: 'v1', kind: 'Secret', namespace, name: client.name }, { data }, { deadlineMs: callMs });
    }
    await startPods(world, clients, namespace, version);
  }

  #data(client: ClientPod, identity: Identity, caPem?: string): Record<string, string> {
    const materials = this.#materials.get(client.name);
    if (materials === undefined) throw new Error(`no client ${client.name}`);
    const material = caPem === undefined ? materials[identity] : { ...materials[identity], caPem };
    return secretData(client, this.namespace, material, serverOf(this.world));
  }

  /** Cuts every connection, and says as whom each of them has got in since; waits for as long as `wanted` is not there. */
  async getIn(wanted: GotIn): Promise<GotIn> {
    const { world } = this;
    const from = nowMs();
    await cutConnections(world, 6443);
    let last: GotIn = {};
    await becomes(world, 75_000, async () => {
      last = this.#gotIn(await usersSince(world, from));
      return Object.entries(wanted).every(([name, as]) => last[name] === as) && !Object.values(wanted).includes('nobody');
    });
    return last;
  }

  #gotIn(users: ReadonlySet<string>): GotIn {
    const isIn = ({ name, style }: ClientPod, identity: Identity): boolean =>
      users.has(style === 'files' || style === 'data' ? this.#certified(name, identity) : `system:serviceaccount:${this.namespace}:${name}-${identity}`);
    return Object.fromEntries(clients.map((client) => [client.name, isIn(client, 'b') ? 'b' : isIn(client, 'a') ? 'a' : 'nobody'] as const));
  }
}

function each(of: (client: ClientPod) => Identity | 'nobody'): Record<string, Identity | 'nobody'> {
  return Object.fromEntries(clients.map((client) => [client.name, of(client)]));
}

export function clientExperiments(release: { readonly minor: number; readonly version: string }): readonly Experiment[] {
  const readsCaAgain = release.minor >= 36;
  const everyProgram = (...inputs: readonly string[]): [string, string][] =>
    Object.values(programs).flatMap((program) => inputs.map((input): [string, string] => [program, input]));
  const expected = {
    before: each(() => 'a'),
    otherCaInSixMinutes: each(({ style }) => (style === 'data' || !readsCaAgain ? 'a' : 'nobody')),
    otherCaRestarted: each(() => 'nobody'),
    again: each(() => 'a'),
    otherCredential: each(({ style }) => (style === 'data' ? 'a' : 'b')),
  };
  return [
    {
      id: 'clients-of-client-go',
      rows: [
        ...everyProgram('kubeconfig', 'kubeconfig certificate-authority-data', 'kubeconfig client-certificate-data'),
        ...everyProgram('kubeconfig certificate-authority', 'kubeconfig client-certificate', 'kubeconfig tokenFile'),
        ['pod', 'ca.crt'],
        ['pod', 'token'],
      ],
      rule: 'transport.go loadTLSFiles, cert_rotation.go, token_source.go',
      title: `Programs of ${release.version} in pods, connections cut: another CA is ${readsCaAgain ? 'read again where it is a file' : 'not read in six minutes'}, a client pair and a token in files are, what is in a kubeconfig is not`,
      area: 'workloads',
      disturbs: 'restores-itself',
      expected,
      async run(world, undo) {
        const all = await Clients.make(world, undo, release.version);
        await all.start('a');
        const before = await all.getIn(expected.before);
        const nobody = (await newCa('nobody')).certificatePem;
        await all.write('a', nobody);
        await world.pass(polledMs);
        const otherCaInSixMinutes = await all.getIn(expected.otherCaInSixMinutes);
        await all.start('a', nobody);
        const otherCaRestarted = await all.getIn(expected.otherCaRestarted);
        await all.start('a');
        const again = await all.getIn(expected.again);
        await all.write('b');
        await world.pass(hotMs);
        return { before, otherCaInSixMinutes, otherCaRestarted, again, otherCredential: await all.getIn(expected.otherCredential) };
      },
    },
    {
      id: 'kubelet-certificate-authority',
      rows: [['kube-apiserver', 'kubelet-certificate-authority']],
      rule: 'transport.go loadTLSFiles; from 1.36 ca_rotation.go',
      title: `Another CA in --kubelet-certificate-authority is ${readsCaAgain ? 'taken at the next request, five minutes after the last look' : 'not read in six minutes: kubelets of before are asked for logs until a restart'}`,
      area: 'API server',
      disturbs: 'restores-itself',
      expected: { before: 'logs', inSixMinutes: readsCaAgain ? 'none' : 'logs', restarted: 'none' },
      async run(world, undo) {
        const [node, kubelet] = [controlPlane(world), worker(world)];
        const ca = await newCa('kubelet-serving');
        const at = { node: node.name, path: `${pkiFolder}/load-policies-kubelet-ca.crt` };
        undo.add('the kubelet runs with its pair', () => restartKubelet(world, kubelet.name));
        await servingPairOn(
          world,
          undo,
          kubelet,
          await leafOf(ca, { commonName: kubelet.name, sans: [kubelet.name, kubelet.address], usages: ['serverAuth'], notAfterMs: Date.now() + hourMs }),
        );
        await restartKubelet(world, kubelet.name);
        await addFile(world, undo, at, ca.certificatePem);
        const { again } = await runWith(world, undo, node.name, 'kube-apiserver', (text) => withFlags(text, { 'kubelet-certificate-authority': at.path }));
        const pods = await world.kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system', fieldSelector: `spec.nodeName=${kubelet.name}` }, { deadlineMs: callMs });
        const pod = pods[0]?.metadata.name ?? 'none';
        const logs = async (): Promise<'logs' | 'none'> => {
          await world.shell(kubelet.name).run('ss -K -tn "sport = :10250" >/dev/null 2>&1; true', { deadlineMs: callMs });
          const { status } = await world.kube.at(`https://${node.address}:6443`).get(`/api/v1/namespaces/kube-system/pods/${pod}/log?tailLines=1`, { deadlineMs: callMs });
          return status === 200 ? 'logs' : 'none';
        };
        const before = await mustBecome(world, 'logs through the API server', 60_000, logs, (is) => is === 'logs');
        await writeAgain(world, at, (await newCa('nobody')).certificatePem);
        await world.pass(polledMs);
        const inSixMinutes = await logs();
        await again();
        return { before, inSixMinutes, restarted: await logs() };
      },
    },
  ];
}
