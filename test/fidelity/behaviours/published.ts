/** Objects that controllers keep as they should be: kube-root-ca.crt, extension-apiserver-authentication, cluster-info. */

import { createHmac, randomBytes } from 'node:crypto';
import type { Behaviour } from '../behaviour.js';
import { caOfCluster, certificatesIn, newCa } from '../credentials.js';
import { writeAgain } from '../node-files.js';
import { askApi, fingerprintOf } from '../questions.js';
import { dataOf, scratchNamespace } from '../scratch.js';
import { casIn, clientCa, extensionCas, extensionTrust, writeBundle } from '../trust.js';
import { mustBecome, until } from '../until.js';
import { callMs, controlPlane } from '../world.js';

const soonMs = 20_000;
const rootCa = 'kube-root-ca.crt';

export const published: readonly Behaviour[] = [
  {
    id: 'publisher-undoes-edits',
    rule: '4.1: any edit is reverted, deletion re-creates, extra keys are deleted',
    title: 'kube-root-ca.crt: an edit is undone, a further key is deleted, the whole object is made again',
    area: 'controllers',
    disturbs: 'restores-itself',
    expected: { isClusterCa: true, edited: 'as before', furtherKey: 'as before', deleted: 'as before', otherUid: true },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: rootCa };
      const before = await mustBecome(
        world,
        'it is published',
        soonMs,
        () => dataOf(world, ref),
        (data) => data['ca.crt'] !== undefined,
      );
      const uid = (await world.kube.read(ref, { deadlineMs: callMs }))?.metadata.uid;
      const words = async (): Promise<string> => {
        const same = (data: unknown): boolean => JSON.stringify(data) === JSON.stringify(before);
        return same(await until(world, soonMs, () => dataOf(world, ref), same)) ? 'as before' : 'changed';
      };
      const patch = (data: Record<string, string>) => world.kube.patch(ref, { data }, { deadlineMs: callMs });
      await patch({ 'ca.crt': 'edited' });
      const edited = await words();
      await patch({ further: 'key' });
      const furtherKey = await words();
      await world.kube.remove(ref, { deadlineMs: callMs });
      const deleted = await words();
      const isClusterCa = fingerprintOf(before['ca.crt'] ?? '') === fingerprintOf((await caOfCluster(world)).certificatePem);
      return { isClusterCa, edited, furtherKey, deleted, otherUid: (await world.kube.read(ref, { deadlineMs: callMs }))?.metadata.uid !== uid };
    },
  },
  {
    id: 'extension-trust-only-grows',
    rule: '4.8, 6.47; step extension-trust',
    title: 'extension-apiserver-authentication: a CA that an API server loads is added by itself and stays when it is dropped; a PATCH then sticks; deleted, it is made again',
    area: 'controllers',
    disturbs: 'restores-itself',
    expected: { added: true, staysWhenDropped: true, patched: 'sticks', deleted: 'made again', holds: 1 },
    async run(world, undo) {
      const node = controlPlane(world);
      const incoming = await newCa('fidelity-incoming');
      const print = fingerprintOf(incoming.certificatePem);
      const holds = async (): Promise<boolean> => (await extensionCas(world)).includes(print);
      let text = '';
      await writeBundle(world, undo, node, (now) => {
        text = now;
        return `${now}${incoming.certificatePem}`;
      });
      const added = await until(world, 90_000, holds, (is) => is);
      await writeAgain(world, { node: node.name, path: clientCa }, text);
      await world.pass(5_000);
      const staysWhenDropped = await holds();
      const data = await dataOf(world, extensionTrust);
      const kept = certificatesIn(data['client-ca-file'] ?? '').filter((pem) => fingerprintOf(pem) !== print);
      await world.kube.patch(extensionTrust, { data: { 'client-ca-file': kept.join('') } }, { deadlineMs: callMs });
      await world.pass(5_000);
      const patched = (await holds()) ? 'is undone' : 'sticks';
      await world.kube.remove(extensionTrust, { deadlineMs: callMs });
      const again = await until(
        world,
        90_000,
        () => extensionCas(world),
        (cas) => cas.length > 0,
      );
      return { added, staysWhenDropped, patched, deleted: again.length > 0 ? 'made again' : 'gone', holds: again.length };
    },
  },
  {
    id: 'extension-trust-patch-is-undone',
    rule: '4.8: undone within a minute unless every API server has loaded the reduced file',
    title: 'A CA that is patched out of extension-apiserver-authentication while an API server trusts it comes back within a minute or so',
    area: 'controllers',
    disturbs: 'restores-itself',
    slow: true,
    expected: { patchedOut: true, comesBack: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const incoming = await newCa('fidelity-incoming');
      const print = fingerprintOf(incoming.certificatePem);
      const holds = async (): Promise<boolean> => (await extensionCas(world)).includes(print);
      await writeBundle(world, undo, node, (now) => `${now}${incoming.certificatePem}`);
      await mustBecome(world, 'the CA is added', 90_000, holds, (is) => is);
      const data = await dataOf(world, extensionTrust);
      const kept = certificatesIn(data['client-ca-file'] ?? '').filter((pem) => fingerprintOf(pem) !== print);
      // Of the answer to the PATCH: a moment later an API server may already have put it back.
      const answer = await world.kube.patch(extensionTrust, { data: { 'client-ca-file': kept.join('') } }, { deadlineMs: callMs });
      const patchedOut = !casIn(answer).includes(print);
      return { patchedOut, comesBack: await until(world, 150_000, holds, (is) => is) };
    },
  },
  {
    id: 'extension-trust-is-a-union-of-files',
    rule: '2.1, 4.8',
    title: 'extension-apiserver-authentication holds the client CA, the front-proxy CA, and the names and headers of the front proxy',
    area: 'controllers',
    disturbs: 'nothing',
    expected: {
      keys: [
        'client-ca-file',
        'requestheader-allowed-names',
        'requestheader-client-ca-file',
        'requestheader-extra-headers-prefix',
        'requestheader-group-headers',
        'requestheader-username-headers',
      ],
      clientCa: true,
      frontProxyCa: true,
      names: '["front-proxy-client"]',
    },
    async run(world) {
      const data = await dataOf(world, extensionTrust);
      const holds = (key: string, pem: string): boolean =>
        certificatesIn(data[key] ?? '')
          .map(fingerprintOf)
          .includes(fingerprintOf(pem));
      return {
        keys: Object.keys(data).sort(),
        clientCa: holds('client-ca-file', (await caOfCluster(world)).certificatePem),
        frontProxyCa: holds('requestheader-client-ca-file', (await caOfCluster(world, 'front-proxy-ca')).certificatePem),
        names: data['requestheader-allowed-names'] ?? '',
      };
    },
  },
  {
    id: 'cluster-info-is-signed',
    rule: '2.1, 3.2 K5, 3.1 E25: anonymous GET, JWS by bootstrap token; step renew-join-material',
    title: 'cluster-info can be read by anybody; a bootstrap token adds its signature, a changed content is signed anew, and the signature goes with the token',
    area: 'controllers',
    disturbs: 'restores-itself',
    expected: { anonymous: 200, otherObjects: 403, signed: true, signedAnew: true, removed: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const id = randomBytes(3).toString('hex');
      const secret = randomBytes(8).toString('hex');
      const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-public', name: 'cluster-info' };
      const token = { apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: `bootstrap-token-${id}` };
      const path = '/api/v1/namespaces/kube-public/configmaps';
      const anonymous = await askApi(world, node, { path: `${path}/cluster-info` });
      const otherObjects = (await askApi(world, node, { path: `${path}/${rootCa}` })).status;
      const key = `jws-kubeconfig-${id}`;
      undo.add('the token is removed', () => world.kube.remove(token, { deadlineMs: callMs }));
      const stringData = {
        'token-id': id,
        'token-secret': secret,
        'usage-bootstrap-signing': 'true',
        'usage-bootstrap-authentication': 'true',
        'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
        expiration: new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+Z$/, 'Z'),
      };
      await world.kube.create(
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: token.name, namespace: 'kube-system' }, type: 'bootstrap.kubernetes.io/token', stringData },
        { deadlineMs: callMs },
      );
      const isSigned = (data: Readonly<Record<string, string>>): boolean => verifies(data[key] ?? '', data.kubeconfig ?? '', { id, secret });
      const signed = isSigned(await until(world, soonMs, () => dataOf(world, ref), isSigned));
      const kubeconfig = (await dataOf(world, ref)).kubeconfig ?? '';
      undo.add('cluster-info is as it was', async () => void (await world.kube.patch(ref, { data: { kubeconfig } }, { deadlineMs: callMs })));
      await world.kube.patch(ref, { data: { kubeconfig: `${kubeconfig}# changed\n` } }, { deadlineMs: callMs });
      const signedAnew = isSigned(await until(world, soonMs, () => dataOf(world, ref), isSigned));
      await world.kube.remove(token, { deadlineMs: callMs });
      const removed = !(
        key in
        (await until(
          world,
          soonMs,
          () => dataOf(world, ref),
          (data) => !(key in data),
        ))
      );
      return { anonymous: anonymous.status, otherObjects, signed, signedAnew, removed };
    },
  },
];

/** A JWS with a detached payload (RFC 7515 appendix F), as k/k pkg/controller/bootstrap/jws.go makes it. */
function verifies(jws: string, payload: string, token: { readonly id: string; readonly secret: string }): boolean {
  const [header = '', middle, signature] = jws.split('.');
  if (middle !== '' || signature === undefined) return false;
  const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { alg?: string; kid?: string };
  const signed = createHmac('sha256', token.secret)
    .update(`${header}.${Buffer.from(payload, 'utf8').toString('base64url')}`)
    .digest('base64url');
  return alg === 'HS256' && kid === token.id && signed === signature;
}
