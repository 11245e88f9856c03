/** kube-controller-manager and kube-scheduler as servers: who they let in, and what they present. */

import { parse, stringify } from 'yaml';
import { withFlags } from '../../src/domain/cluster/manifest.js';
import type { ClientCredential } from '../../src/ports/tls-probe.js';
import type { Undo } from '../fidelity/behaviour.js';
import { type Component, pidOf } from '../fidelity/components.js';
import { caOfCluster, leafOf, newCa, pkiFolder } from '../fidelity/credentials.js';
import { addFile, writeAgain } from '../fidelity/node-files.js';
import { fingerprintOf } from '../fidelity/questions.js';
import { extensionTrust } from '../fidelity/trust.js';
import { callMs, controlPlane, type World } from '../fidelity/world.js';
import { becomes, type Experiment, hotMs, runWith } from './experiment.js';

type Manager = Extract<Component, 'kube-controller-manager' | 'kube-scheduler'>;

const ports: Record<Manager, number> = { 'kube-controller-manager': 10257, 'kube-scheduler': 10259 };
const file = (name: string): string => `${pkiFolder}/load-policies-${name}`;
const pemKey = (credential: ClientCredential): string => credential.key.reveal().toString('utf8');
const admin = { commonName: 'load-policies-admin', organizations: ['system:masters'] };

/** A client on the node itself: they listen on 127.0.0.1. Credentials lie in a file for as long as the experiment lasts. */
async function clientOn(world: World, undo: Undo, node: string, name: string, credential: ClientCredential): Promise<string> {
  const path = `/run/load-policies-${name}.pem`;
  await addFile(world, undo, { node, path }, `${credential.certificatePem}${pemKey(credential)}`);
  return path;
}

async function statusOf(world: World, node: string, manager: Manager, client: string, headers = ''): Promise<number> {
  const out = await world
    .shell(node)
    .run(`curl -sk -m 10 -o /dev/null -w '%{http_code}' --cert ${client} ${headers} https://127.0.0.1:${ports[manager]}/metrics`, { deadlineMs: callMs });
  return Number(out.stdout.trim());
}

async function served(world: World, node: string, manager: Manager): Promise<string> {
  const out = await world.shell(node).must(`openssl s_client -connect 127.0.0.1:${ports[manager]} </dev/null 2>/dev/null | openssl x509`, { deadlineMs: callMs });
  return fingerprintOf(out);
}

/** The manifest with the folder of the cluster's certificates mounted, which kubeadm does for one of the two only. */
function withPki(text: string): string {
  const pod = parse(text) as { spec: { volumes: { name: string }[]; containers: { volumeMounts: unknown[] }[] } };
  if (text.includes('mountPath: /etc/kubernetes/pki')) return text;
  pod.spec.volumes.push({ name: 'load-policies', hostPath: { path: pkiFolder, type: 'Directory' } } as { name: string });
  pod.spec.containers[0]?.volumeMounts.push({ name: 'load-policies', mountPath: pkiFolder, readOnly: true });
  return stringify(pod, { lineWidth: 0 });
}

function doors(manager: Manager): Experiment {
  return {
    id: `doors-of-${manager}`,
    rows: [
      [manager, 'client-ca-file'],
      [manager, 'requestheader-client-ca-file'],
      [manager, 'tls-cert-file'],
    ],
    rule: 'DelegatingAuthenticationOptions.ApplyTo',
    title: `${manager} takes another client CA, another CA of front proxies and another serving pair within a minute, without a restart`,
    area: 'controllers',
    disturbs: 'restores-itself',
    expected: { before: { client: 401, proxied: 401, pair: 'first' }, after: { client: 200, proxied: 200, pair: 'second' }, sameProcess: true },
    async run(world, undo) {
      const node = controlPlane(world).name;
      const [clientCa, proxyCa, servingCa] = [await newCa('client-incoming'), await newCa('proxy-incoming'), await newCa('serving')];
      const pair = (): Promise<ClientCredential> => leafOf(servingCa, { commonName: 'localhost', sans: ['localhost', '127.0.0.1'], usages: ['serverAuth'] });
      const [first, second] = [await pair(), await pair()];
      const paths = { client: file('client-ca.crt'), proxy: file('proxy-ca.crt'), crt: file('serving.crt'), key: file('serving.key') };
      const [ownClient, ownProxy] = [(await caOfCluster(world)).certificatePem, (await caOfCluster(world, 'front-proxy-ca')).certificatePem];
      await addFile(world, undo, { node, path: paths.client }, ownClient);
      await addFile(world, undo, { node, path: paths.proxy }, ownProxy);
      await addFile(world, undo, { node, path: paths.crt }, first.certificatePem);
      await addFile(world, undo, { node, path: paths.key }, pemKey(first));
      const flags = {
        'client-ca-file': paths.client,
        'requestheader-client-ca-file': paths.proxy,
        'requestheader-allowed-names': 'front-proxy-client',
        'requestheader-username-headers': 'X-Remote-User',
        'requestheader-group-headers': 'X-Remote-Group',
        'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
        'tls-cert-file': paths.crt,
        'tls-private-key-file': paths.key,
      };
      await runWith(world, undo, node, manager, (text) => withFlags(withPki(text), flags));
      const pid = await pidOf(world, node, manager);
      const client = await clientOn(world, undo, node, `${manager}-client`, await leafOf(clientCa, admin));
      const proxy = await clientOn(world, undo, node, `${manager}-proxy`, await leafOf(proxyCa, { commonName: 'front-proxy-client' }));
      const look = async (): Promise<{ client: number; proxied: number; pair: string }> => {
        const print = await served(world, node, manager);
        return {
          client: await statusOf(world, node, manager, client),
          proxied: await statusOf(world, node, manager, proxy, "-H 'X-Remote-User: load-policies-admin' -H 'X-Remote-Group: system:masters'"),
          pair: print === fingerprintOf(first.certificatePem) ? 'first' : print === fingerprintOf(second.certificatePem) ? 'second' : 'another',
        };
      };
      const before = await look();
      await writeAgain(world, { node, path: paths.client }, `${ownClient}${clientCa.certificatePem}`);
      await writeAgain(world, { node, path: paths.proxy }, `${ownProxy}${proxyCa.certificatePem}`);
      await writeAgain(world, { node, path: paths.key }, pemKey(second));
      await writeAgain(world, { node, path: paths.crt }, second.certificatePem);
      await becomes(world, hotMs, async () => {
        const { client: status, proxied, pair: now } = await look();
        return status === 200 && proxied === 200 && now === 'second';
      });
      return { before, after: await look(), sameProcess: (await pidOf(world, node, manager)) === pid };
    },
  };
}

const scheduler: Experiment = {
  id: 'scheduler-watches-its-trust',
  rows: [['kube-scheduler', 'extension-apiserver-authentication']],
  rule: 'NewDynamicCAFromConfigMapController',
  title: 'A client CA that is added to extension-apiserver-authentication is trusted by kube-scheduler within seconds, without a restart, and taken out it is not',
  area: 'controllers',
  disturbs: 'restores-itself',
  expected: { before: 401, added: 200, removed: 401, sameProcess: true },
  async run(world, undo) {
    const node = controlPlane(world).name;
    const incoming = await newCa('client-incoming');
    const client = await clientOn(world, undo, node, 'scheduler-watch', await leafOf(incoming, admin));
    const pid = await pidOf(world, node, 'kube-scheduler');
    const ask = (): Promise<number> => statusOf(world, node, 'kube-scheduler', client);
    const own = await textIn(world);
    const before = await ask();
    undo.add('extension servers trust what they trusted', () => writeTrust(world, own));
    await writeTrust(world, `${own}${incoming.certificatePem}`);
    await becomes(world, hotMs, async () => (await ask()) === 200);
    const added = await ask();
    await writeTrust(world, own);
    await becomes(world, hotMs, async () => (await ask()) === 401);
    return { before, added, removed: await ask(), sameProcess: (await pidOf(world, node, 'kube-scheduler')) === pid };
  },
};

async function textIn(world: World): Promise<string> {
  return ((await world.kube.read(extensionTrust, { deadlineMs: callMs }))?.data as Record<string, string> | undefined)?.['client-ca-file'] ?? '';
}

async function writeTrust(world: World, text: string): Promise<void> {
  await world.kube.patch(extensionTrust, { data: { 'client-ca-file': text } }, { deadlineMs: callMs });
}

export const managers: readonly Experiment[] = [doors('kube-controller-manager'), doors('kube-scheduler'), scheduler];
