/** API server: its own doors, its key pairs towards others, and the keys of tokens. */

import { generateKeyPairSync } from 'node:crypto';
import { connect } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { withFlags } from '../../src/domain/cluster/manifest.js';
import type { ClientCredential } from '../../src/ports/tls-probe.js';
import type { Undo } from '../fidelity/behaviour.js';
import { pidOf } from '../fidelity/components.js';
import { caOfCluster, leafOf, newCa, pkiFolder } from '../fidelity/credentials.js';
import { addFile, changeFile, textOf, writeAgain } from '../fidelity/node-files.js';
import { fingerprintOf, reviewPath, whoAmI } from '../fidelity/questions.js';
import { dataOf, decoded, scratchNamespace, tokenSecret } from '../fidelity/scratch.js';
import { mustBecome } from '../fidelity/until.js';
import { callMs, controlPlane, type World, type WorldNode } from '../fidelity/world.js';
import { becomes, cutConnections, type Experiment, hotMs, isReadyApi, runWith } from './experiment.js';

const api = 'kube-apiserver';
const file = (name: string): string => `${pkiFolder}/load-policies-${name}`;
const pemKey = (credential: ClientCredential): string => credential.key.reveal().toString('utf8');

/** The user for whom a front proxy speaks, as the API server names it, or the status. */
async function throughProxy(world: World, node: WorldNode, proxy: ClientCredential): Promise<string | number> {
  const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), 'x-remote-user': 'spoken-for' };
  const ca = (await caOfCluster(world)).certificatePem;
  return new Promise((resolve, reject) => {
    const options = {
      host: node.address,
      port: 6443,
      method: 'POST',
      path: reviewPath,
      headers,
      ca,
      cert: proxy.certificatePem,
      key: pemKey(proxy),
      agent: false,
      timeout: callMs,
    };
    const asked = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const user = (JSON.parse(Buffer.concat(chunks).toString('utf8')) as { status?: { userInfo?: { username?: string } } }).status?.userInfo?.username;
        resolve(response.statusCode === 201 ? (user ?? '') : (response.statusCode ?? 0));
      });
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end(body);
  });
}

/** SHA-256 of the leaf that is served to clients who ask for this name. */
function servedFor(node: WorldNode, servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: node.address, port: 6443, servername, rejectUnauthorized: false, timeout: callMs }, () => {
      const { raw } = socket.getPeerCertificate();
      socket.destroy();
      resolve(new X509Certificate(raw).fingerprint256);
    });
    socket.on('error', reject);
  });
}

/** A token of an account, issued by the API server of this node. */
async function tokenFrom(world: World, node: WorldNode, namespace: string): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } };
  const answer = await world.kube.at(`https://${node.address}:6443`).call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`, body, { deadlineMs: callMs });
  return (JSON.parse(answer.body) as { status: { token: string } }).status.token;
}

function other(world: World): WorldNode {
  return controlPlane(world, 1);
}

export const apiFiles: readonly Experiment[] = [
  {
    id: 'requestheader-client-ca',
    rows: [[api, 'requestheader-client-ca-file']],
    rule: 'NewDynamicCAContentFromFile',
    title: 'A front proxy with a leaf of a CA that is added to front-proxy-ca.crt speaks for users without a restart, and taken out it does not',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { before: 401, added: 'spoken-for', removed: 401, sameProcess: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const at = { node: node.name, path: `${pkiFolder}/front-proxy-ca.crt` };
      const incoming = await newCa('front-proxy-incoming');
      const leaf = await leafOf(incoming, { commonName: 'front-proxy-client' });
      const pid = await pidOf(world, node.name, api);
      const before = await throughProxy(world, node, leaf);
      const text = await textOf(world, node.name, at.path);
      await changeFile(world, undo, at, () => `${text}${incoming.certificatePem}`);
      await becomes(world, hotMs, async () => (await throughProxy(world, node, leaf)) === 'spoken-for');
      const added = await throughProxy(world, node, leaf);
      await writeAgain(world, at, text);
      await becomes(world, hotMs, async () => (await throughProxy(world, node, leaf)) === 401);
      return { before, added, removed: await throughProxy(world, node, leaf), sameProcess: (await pidOf(world, node.name, api)) === pid };
    },
  },
  {
    id: 'tls-sni-pair',
    rows: [[api, 'tls-sni-cert-key']],
    rule: 'dynamic_sni_content.go',
    title: 'A pair for a name of its own that is replaced is served to those who ask for that name, without a restart',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { before: 'first', after: 'second', sameProcess: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const ca = await newCa('sni');
      const pair = (): Promise<ClientCredential> => leafOf(ca, { commonName: 'sni.lab', sans: ['sni.lab'], usages: ['serverAuth'] });
      const [first, second] = [await pair(), await pair()];
      const paths = { crt: file('sni.crt'), key: file('sni.key') };
      await addFile(world, undo, { node: node.name, path: paths.crt }, first.certificatePem);
      await addFile(world, undo, { node: node.name, path: paths.key }, pemKey(first));
      await runWith(world, undo, node.name, api, (text) => withFlags(text, { 'tls-sni-cert-key': `${paths.crt},${paths.key}:sni.lab` }));
      const pid = await pidOf(world, node.name, api);
      const served = async (): Promise<string> => {
        const print = await servedFor(node, 'sni.lab');
        return print === fingerprintOf(first.certificatePem) ? 'first' : print === fingerprintOf(second.certificatePem) ? 'second' : 'another';
      };
      const before = await served();
      await writeAgain(world, { node: node.name, path: paths.key }, pemKey(second));
      await writeAgain(world, { node: node.name, path: paths.crt }, second.certificatePem);
      await becomes(world, hotMs, async () => (await served()) === 'second');
      return { before, after: await served(), sameProcess: (await pidOf(world, node.name, api)) === pid };
    },
  },
  {
    id: 'pair-and-trust-towards-etcd',
    rows: [
      [api, 'etcd-certfile'],
      [api, 'etcd-cafile'],
    ],
    rule: 'pairs at each handshake, CAs when the client is made',
    title:
      'Connections to etcd are cut: another CA in etcd/ca.crt does nothing to the API server, a pair that etcd does not know makes it not ready, and with the own pair back it is ready, without a restart',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { otherCa: true, unknownPair: false, back: true, sameProcess: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const pid = await pidOf(world, node.name, api);
      const ready = (): Promise<boolean> => isReadyApi(world, node.name);
      const cut = (): Promise<void> => cutConnections(world, 2379, [node.name]);
      const staysReady = async (): Promise<boolean> => {
        await cut();
        return !(await becomes(world, 15_000, async () => !(await ready())));
      };
      const settle = (): Promise<boolean> => mustBecome(world, 'the API server is ready', 60_000, ready, (is) => is);
      undo.add('the API server is ready again', async () => {
        await cut();
        await settle();
      });
      const ca = { node: node.name, path: `${pkiFolder}/etcd/ca.crt` };
      const own = await textOf(world, node.name, ca.path);
      const nobody = (await newCa('nobody')).certificatePem;
      await changeFile(world, undo, ca, () => nobody);
      await world.pass(hotMs);
      // A moment without etcd is that of the cut itself.
      await cut();
      await world.pass(5_000);
      const otherCa = await becomes(world, 20_000, ready);
      await writeAgain(world, ca, own);
      const unknown = await leafOf(await newCa('nobody'), { commonName: 'kube-apiserver-etcd-client' });
      const pair = { crt: `${pkiFolder}/apiserver-etcd-client.crt`, key: `${pkiFolder}/apiserver-etcd-client.key` };
      const before = { crt: await textOf(world, node.name, pair.crt), key: await textOf(world, node.name, pair.key) };
      await changeFile(world, undo, { node: node.name, path: pair.key }, () => pemKey(unknown));
      await changeFile(world, undo, { node: node.name, path: pair.crt }, () => unknown.certificatePem);
      const unknownPair = await staysReady();
      await writeAgain(world, { node: node.name, path: pair.key }, before.key);
      await writeAgain(world, { node: node.name, path: pair.crt }, before.crt);
      const back = await becomes(world, 60_000, ready);
      return { otherCa, unknownPair, back, sameProcess: (await pidOf(world, node.name, api)) === pid };
    },
  },
  {
    id: 'keys-of-tokens',
    rows: [
      [api, 'service-account-key-file'],
      [api, 'service-account-signing-key-file'],
      ['kube-controller-manager', 'service-account-private-key-file'],
    ],
    rule: 'read at start',
    title: 'Another pair sa.key and sa.pub on all control planes: tokens are signed and believed with the pair of before until a restart',
    area: 'service accounts',
    disturbs: 'restores-itself',
    expected: { issued: 'believed by the pair of before', legacy: 'believed by the pair of before', believed: true, restarted: 'signed by the other key' },
    async run(world, undo) {
      const node = controlPlane(world);
      const namespace = await scratchNamespace(world, undo);
      const account = `system:serviceaccount:${namespace}:default`;
      const early = await tokenFrom(world, node, namespace);
      const keyId = (token: string): string => String((JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString('utf8')) as { kid?: string }).kid);
      const pair = generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs1', format: 'pem' } });
      const run = { again: async (): Promise<void> => undefined };
      Object.assign(run, await runWith(world, undo, node.name, api, (text) => withFlags(text, { v: '1' })));
      for (const { name } of world.nodes.filter(({ role }) => role === 'control-plane')) {
        await changeFile(world, undo, { node: name, path: `${pkiFolder}/sa.key` }, () => pair.privateKey);
        await changeFile(world, undo, { node: name, path: `${pkiFolder}/sa.pub` }, () => pair.publicKey);
      }
      await world.pass(hotMs);
      const late = await tokenFrom(world, node, namespace);
      const legacy = decoded((await dataOf(world, await tokenSecret(world, namespace))).token);
      const words = async (token: string): Promise<string> =>
        keyId(token) === keyId(early) && (await whoAmI(world, other(world), token)) === account ? 'believed by the pair of before' : 'another';
      const believed = (await whoAmI(world, node, early)) === account;
      const seen = { issued: await words(late), legacy: await words(legacy), believed };
      await run.again();
      const after = await tokenFrom(world, node, namespace);
      return { ...seen, restarted: keyId(after) === keyId(early) ? 'signed by the key of before' : 'signed by the other key' };
    },
  },
];

/** Kept beside the others, since it needs a server outside: see api-callers.ts. */
export async function proxyPairOn(world: World, undo: Undo, node: WorldNode, pair: ClientCredential): Promise<void> {
  await changeFile(world, undo, { node: node.name, path: `${pkiFolder}/front-proxy-client.key` }, () => pemKey(pair));
  await changeFile(world, undo, { node: node.name, path: `${pkiFolder}/front-proxy-client.crt` }, () => pair.certificatePem);
}
