/** CertificateSigningRequests: who approves, who signs, for how long. */

import { X509Certificate } from 'node:crypto';
import { makeKeyPair } from '../../../src/x509/key-pair.js';
import { makeRequest } from '../../../src/x509/request.js';
import type { Behaviour } from '../behaviour.js';
import { caOfCluster, leafOf } from '../credentials.js';
import { csrObject, stateOf, submit, tryToCreate } from '../csr.js';
import { askApi, whoAmI } from '../questions.js';
import { until } from '../until.js';
import { callMs, controlPlane, worker } from '../world.js';

const client = 'kubernetes.io/kube-apiserver-client';
const kubeletClient = 'kubernetes.io/kube-apiserver-client-kubelet';

function minutes(ms: number): number {
  return Math.round(ms / 60_000);
}

export const requests: readonly Behaviour[] = [
  {
    id: 'csr-is-signed-when-approved',
    rule: '2.3: duration min of the request and the default, NotBefore 5 min back; operations/csr-api',
    title: 'A request waits until it is approved, and is then signed by the cluster CA, backdated by 5 minutes, for as long as was asked',
    area: 'requests and signer',
    disturbs: 'restores-itself',
    expected: {
      pending: 'no certificate',
      signedByClusterCa: true,
      backdatedMinutes: 5,
      endsAfterMinutes: 20,
      subject: 'O=group\nCN=fidelity-newcomer',
      usages: '1.3.6.1.5.5.7.3.2',
      isCa: false,
      works: 'fidelity-newcomer',
    },
    async run(world, undo) {
      const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
      const csrPem = await makeRequest({ privateKeyPem, subject: { commonName: 'fidelity-newcomer', organizations: ['group'] } });
      const object = await csrObject({ signerName: client, expirationSeconds: 1200 });
      const { name } = object.metadata;
      undo.add('the request is removed', () => world.kube.remove({ apiVersion: object.apiVersion, kind: object.kind, name }, { deadlineMs: callMs }));
      await world.kube.create({ ...object, spec: { ...(object.spec as object), request: Buffer.from(csrPem).toString('base64') } }, { deadlineMs: callMs });
      await world.pass(2_000);
      const pending = (await stateOf(world, name)).certificate === undefined ? 'no certificate' : 'signed';
      const at = Date.now();
      await world.kube.approve(name, 'fidelity', { deadlineMs: callMs });
      const { certificate = '' } = await until(
        world,
        20_000,
        () => stateOf(world, name),
        (state) => state.certificate !== undefined,
      );
      const leaf = new X509Certificate(certificate);
      const ca = new X509Certificate((await caOfCluster(world)).certificatePem);
      return {
        pending,
        signedByClusterCa: leaf.verify(ca.publicKey) && leaf.checkIssued(ca),
        backdatedMinutes: minutes(at - Date.parse(leaf.validFrom)),
        endsAfterMinutes: minutes(Date.parse(leaf.validTo) - at),
        subject: leaf.subject,
        usages: leaf.keyUsage?.join() ?? '',
        isCa: leaf.ca,
        works: await whoAmI(world, controlPlane(world), { certificatePem: certificate, key: privateKeyPem }),
      };
    },
  },
  {
    id: 'csr-refused-at-creation',
    rule: '2.3: request of at least 10 min; CertificateSubjectRestriction',
    title: 'Requests for less than 600 seconds, for system:masters, without usages or with a broken body are refused when they are made',
    area: 'requests and signer',
    disturbs: 'nothing',
    expected: { tooShort: '422 Invalid', tooShortSays: true, masters: '403 Forbidden', noUsages: '422 Invalid', noRequest: '422 Invalid', justLongEnough: '201 ' },
    async run(world) {
      const words = ({ status, reason }: { status: number; reason: string }): string => `${status} ${reason}`;
      const tooShort = await tryToCreate(world, await csrObject({ signerName: client, expirationSeconds: 599 }));
      const object = await csrObject({ signerName: client });
      return {
        tooShort: words(tooShort),
        tooShortSays: tooShort.message.includes('may not specify a duration less than 600 seconds (10 minutes)'),
        masters: words(await tryToCreate(world, await csrObject({ signerName: client, organizations: ['system:masters'] }))),
        noUsages: words(await tryToCreate(world, await csrObject({ signerName: client, usages: [] }))),
        noRequest: words(await tryToCreate(world, { ...object, spec: { ...(object.spec as object), request: Buffer.from('no request').toString('base64') } })),
        justLongEnough: words(await tryToCreate(world, await csrObject({ signerName: client, expirationSeconds: 600 }))),
      };
    },
  },
  {
    id: 'csr-of-a-kubelet-is-approved',
    rule: '2.3: selfnodeclient is approved automatically, kubelet-serving never',
    title: 'A client request of a node for itself is approved and signed without anybody; one for serving, and one for another node, are not',
    area: 'requests and signer',
    disturbs: 'restores-itself',
    expected: { forItself: 'Approved, signed', forServing: ', not signed', forAnotherNode: '403' },
    async run(world, undo) {
      const node = worker(world).name;
      const asNode = await leafOf(await caOfCluster(world), { commonName: `system:node:${node}`, organizations: ['system:nodes'] });
      const usages = ['digital signature', 'client auth'];
      const make = async (wish: Parameters<typeof csrObject>[0]): Promise<{ status: number; name: string }> => {
        const object = await csrObject(wish);
        const { name } = object.metadata;
        undo.add('the request is removed', () => world.kube.remove({ apiVersion: object.apiVersion, kind: object.kind, name }, { deadlineMs: callMs }));
        const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
        const { status } = await askApi(world, controlPlane(world), { method: 'POST', path, body: JSON.stringify(object), by: asNode });
        return { status, name };
      };
      const identity = { commonName: `system:node:${node}`, organizations: ['system:nodes'] };
      const own = await make({ ...identity, signerName: kubeletClient, usages });
      const serving = await make({ ...identity, signerName: 'kubernetes.io/kubelet-serving', usages: ['digital signature', 'server auth'], sans: [`DNS:${node}`] });
      const other = await make({ ...identity, commonName: 'system:node:somebody', signerName: kubeletClient, usages });
      const words = async (name: string, realMs: number): Promise<string> => {
        const { conditions, certificate } = await until(
          world,
          realMs,
          () => stateOf(world, name),
          (state) => state.certificate !== undefined,
        );
        return `${conditions.join('+')}, ${certificate === undefined ? 'not signed' : 'signed'}`;
      };
      return {
        forItself: await words(own.name, 20_000),
        forServing: await words(serving.name, 1_000),
        forAnotherNode: other.status === 201 ? await words(other.name, 1_000) : `${other.status}`,
      };
    },
  },
  {
    id: 'csr-denied-is-never-signed',
    rule: '2.3, 4.4: the approver ignores rather than denies; the signer signs what is approved only',
    title: 'A request of a foreign signer is approved but signed by nobody',
    area: 'requests and signer',
    disturbs: 'restores-itself',
    expected: { conditions: ['Approved'], certificate: 'none' },
    async run(world, undo) {
      const name = await submit(world, undo, { signerName: 'example.com/nobody' });
      await world.kube.approve(name, 'fidelity', { deadlineMs: callMs });
      await world.pass(3_000);
      const { conditions, certificate } = await stateOf(world, name);
      return { conditions, certificate: certificate === undefined ? 'none' : 'signed' };
    },
  },
];
