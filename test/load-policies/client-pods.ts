/** Programs of a release as pods, each with its own credentials in a Secret: clients of client-go whose material can be changed under their feet. */

import type { KubeObject } from '../../src/ports/kube.js';
import { mustBecome } from '../fidelity/until.js';
import { callMs, type World, worker } from '../fidelity/world.js';

export type Program = 'kube-scheduler' | 'kube-controller-manager' | 'kube-proxy';
/** How it is told whom to trust and who it is: files, a token in a file, everything in the kubeconfig, or `rest.InClusterConfig`. */
export type Style = 'files' | 'token' | 'data' | 'in-cluster';

export interface ClientPod {
  readonly name: string;
  readonly program: Program;
  readonly style: Style;
}

export interface Material {
  readonly caPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly token: string;
}

const inCluster = '/var/run/secrets/kubernetes.io/serviceaccount';
const folderOf = ({ style }: ClientPod): string => (style === 'in-cluster' ? inCluster : '/material');

function kubeconfigOf(client: ClientPod, material: Material, server: string): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const folder = folderOf(client);
  const trust = client.style === 'data' ? `certificate-authority-data: ${base64(material.caPem)}` : `certificate-authority: ${folder}/ca.crt`;
  const user = {
    files: `client-certificate: ${folder}/tls.crt, client-key: ${folder}/tls.key`,
    token: `tokenFile: ${folder}/token`,
    data: `client-certificate-data: ${base64(material.certificatePem)}, client-key-data: ${base64(material.keyPem)}`,
    'in-cluster': '',
  }[client.style];
  return `apiVersion: v1
kind: Config
clusters: [{name: lab, cluster: {server: "${server}", ${trust}}}]
users: [{name: self, user: {${user}}}]
contexts: [{name: lab, context: {cluster: lab, user: self}}]
current-context: lab
`;
}

/** Only scheduling for pods that ask for it by name, which none does. */
function schedulerConfig(client: ClientPod, namespace: string): string {
  return `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: "${client.style === 'in-cluster' ? '' : `${folderOf(client)}/kubeconfig`}"}
leaderElection: {leaderElect: true, resourceName: ${client.name}, resourceNamespace: ${namespace}}
profiles: [{schedulerName: ${client.name}}]
`;
}

/** What the Secret of a client holds. */
export function secretData(client: ClientPod, namespace: string, material: Material, server: string): Record<string, string> {
  return {
    'ca.crt': material.caPem,
    token: material.token,
    namespace,
    'tls.crt': material.certificatePem,
    'tls.key': material.keyPem,
    kubeconfig: kubeconfigOf(client, material, server),
    'config.yaml': schedulerConfig(client, namespace),
  };
}

function argumentsOf(client: ClientPod, namespace: string, node: string): string[] {
  const folder = folderOf(client);
  const lease = [`--leader-elect-resource-name=${client.name}`, `--leader-elect-resource-namespace=${namespace}`];
  return {
    'kube-scheduler': [`--config=${folder}/config.yaml`],
    // One controller that has nothing to do: what is asked of it is its lease.
    'kube-controller-manager': [`--kubeconfig=${folder}/kubeconfig`, '--controllers=bootstrap-signer-controller', '--leader-elect=true', ...lease],
    // In a network of its own: its rules are nobody's.
    'kube-proxy': [`--kubeconfig=${folder}/kubeconfig`, `--hostname-override=${node}`, '--conntrack-max-per-core=0', '--conntrack-min=0'],
  }[client.program];
}

export function podOf(client: ClientPod, namespace: string, version: string, node: string): KubeObject {
  const mount = { name: 'material', mountPath: folderOf(client), readOnly: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: client.name, namespace },
    spec: {
      nodeName: node,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'client',
          image: `registry.k8s.io/${client.program}:${version}`,
          imagePullPolicy: 'IfNotPresent',
          command: [`/usr/local/bin/${client.program}`, ...argumentsOf(client, namespace, node)],
          resources: { requests: { cpu: '1m', memory: '16Mi' } },
          ...(client.program === 'kube-proxy' ? { securityContext: { privileged: true } } : {}),
          volumeMounts: [mount],
        },
      ],
      volumes: [{ name: 'material', secret: { secretName: client.name } }],
    },
  };
}

/** Makes the pods, or makes them anew: what they read at their start is then what is stored now. */
export async function startPods(world: World, clients: readonly ClientPod[], namespace: string, version: string): Promise<void> {
  const node = worker(world).name;
  for (const { name } of clients) await world.kube.remove({ apiVersion: 'v1', kind: 'Pod', namespace, name }, { deadlineMs: callMs, gracePeriodSeconds: 0 });
  await mustBecome(
    world,
    'the pods of before are gone',
    60_000,
    async () => (await world.kube.list({ apiVersion: 'v1', kind: 'Pod', namespace }, { deadlineMs: callMs })).length,
    (count) => count === 0,
  );
  for (const client of clients) await world.kube.create(podOf(client, namespace, version, node), { deadlineMs: callMs });
}

/** Writes the Secrets, and waits until the files of every pod are those. */
export async function writeSecrets(world: World, clients: readonly ClientPod[], namespace: string, dataFor: (client: ClientPod) => Record<string, string>): Promise<void> {
  for (const client of clients) {
    const data = Object.fromEntries(Object.entries(dataFor(client)).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
    await world.kube.patch({ apiVersion: 'v1', kind: 'Secret', namespace, name: client.name }, { data }, { deadlineMs: callMs });
  }
  const pods = await world.kube.list({ apiVersion: 'v1', kind: 'Pod', namespace }, { deadlineMs: callMs });
  const shell = world.shell(worker(world).name);
  for (const client of clients) {
    const uid = pods.find(({ metadata }) => metadata.name === client.name)?.metadata.uid ?? '';
    const data = dataFor(client);
    for (const key of ['ca.crt', 'token', 'tls.crt', 'kubeconfig'])
      await mustBecome(
        world,
        `${client.name} has ${key} in its volume`,
        150_000,
        async () => (await shell.run(`cat /var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~secret/material/${key}`, { deadlineMs: callMs, secretOutput: true })).stdout,
        (text) => text === data[key],
      );
  }
}

/** Every client comes through the load balancer. */
export function serverOf({ loadBalancer: { host, port } }: World): string {
  return `https://${host}:${port}`;
}
