import { describe, expect, it } from 'vitest';
import type { StoredObject } from '../api/store.js';
import type { CertificateRequest } from '../../x509/request.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { detachedSignature, signedData } from './bootstrap-signer.js';
import { budgetOf } from './budgets.js';
import { autoApproval, type CsrSpec, signerNames, validityOf, whyNotSigned } from './csr-rules.js';
import { type LeaseRecord, mayTake, microTime, type Observed, observe, taken } from './election-rules.js';
import { legacyToken } from './legacy-token.js';
import { beat, isDead, wantedTaints } from './node-lifecycle.js';
import { nextScales, type SetState } from './rollout-rules.js';
import { chooseNode, nextPod } from './scheduler.js';
import { type Member, nextSteps } from './stateful-sets.js';
import { missingData } from './token-controller.js';

const year = 365 * 24 * 3600_000;
const nowMs = Date.UTC(2030, 0, 1);

describe('leader election', () => {
  const record: LeaseRecord = { holderIdentity: 'cp1_a', leaseDurationSeconds: 15, renewTime: microTime(nowMs), leaseTransitions: 3 };
  const seen = (looks: number): Observed => ({ record, sinceMs: nowMs, looks });
  it.each([
    ['nobody holds it', { ...seen(1), record: { ...record, holderIdentity: '' } }, 0, true],
    ['it was seen to change 14 s ago', seen(7), 14_000, false],
    ['it was seen to change 15 s ago', seen(7), 15_000, true],
    ['the machine stood still for a minute between two looks', seen(2), 60_000, false],
    ['it is held by oneself', { ...seen(1), record: { ...record, holderIdentity: 'cp2_b' } }, 0, true],
  ])('when %s', (_, observed, laterMs, expected) => {
    expect(mayTake(observed, 'cp2_b', nowMs + laterMs, 1)).toBe(expected);
  });

  it('a released lease of one second is taken at once, and counts a change of holder', () => {
    const released = { ...record, holderIdentity: '', leaseDurationSeconds: 1 };
    expect(mayTake(observe(undefined, released, nowMs), 'cp2_b', nowMs, 20)).toBe(true);
    expect(taken(released, 'cp2_b', nowMs)).toMatchObject({ holderIdentity: 'cp2_b', leaseDurationSeconds: 15, leaseTransitions: 4, renewTime: '2030-01-01T00:00:00.000000Z' });
    expect(taken(record, 'cp1_a', nowMs + 2000)).toMatchObject({ leaseTransitions: 3 });
  });
});

describe('certificate requests', () => {
  const kubelet: CertificateRequest = { subject: '', commonName: 'system:node:w1', organizations: ['system:nodes'], sans: [], keyType: 'ecdsa-p256', spki: '' };
  const spec: CsrSpec = { request: '', signerName: signerNames.kubeletClient, usages: ['digital signature', 'client auth'] };

  it.each([
    ['as the kubelet asks', spec, kubelet, undefined],
    ['with the usages of an RSA key', { ...spec, usages: ['digital signature', 'key encipherment', 'client auth'] }, kubelet, undefined],
    ['with a SAN', spec, { ...kubelet, sans: ['DNS:w1'] }, /SANs/],
    ['with server auth', { ...spec, usages: ['digital signature', 'server auth'] }, kubelet, /usages/],
    ['of another organization', spec, { ...kubelet, organizations: ['system:masters'] }, /organization/],
    ['for serving without a name', { ...spec, signerName: signerNames.kubeletServing, usages: ['digital signature', 'server auth'] }, kubelet, /at least one/],
    ['for serving', { ...spec, signerName: signerNames.kubeletServing, usages: ['digital signature', 'server auth'] }, { ...kubelet, sans: ['IP:127.1.0.1'] }, undefined],
    ['for any client', { ...spec, signerName: signerNames.client, usages: ['client auth'] }, { ...kubelet, commonName: 'probe', organizations: [] }, undefined],
  ] as const)('%s', (_, asked, request, fault) => {
    if (fault === undefined) expect(whyNotSigned(asked, request)).toBeUndefined();
    else expect(whyNotSigned(asked, request)).toMatch(fault);
  });

  it.each([
    ['bootstrap token', { username: 'system:bootstrap:abcdef', groups: ['system:bootstrappers', 'system:bootstrappers:kubeadm:default-node-token'] }, spec.signerName, true],
    ['node for itself', { username: 'system:node:w1', groups: ['system:nodes'] }, spec.signerName, true],
    ['node for another', { username: 'system:node:w2', groups: ['system:nodes'] }, spec.signerName, false],
    ['administrator', { username: 'kubernetes-admin', groups: ['kubeadm:cluster-admins'] }, spec.signerName, false],
    ['node for its serving certificate', { username: 'system:node:w1', groups: ['system:nodes'] }, signerNames.kubeletServing, false],
  ])('approved by itself for a %s', (_, who, signerName, expected) => {
    expect(autoApproval({ ...spec, ...who, signerName }, kubelet) !== undefined).toBe(expected);
  });

  it.each([
    ['a year by default', undefined, nowMs + 10 * year, nowMs + year],
    ['what was wished', 3600, nowMs + 10 * year, nowMs + 3600_000],
    ['ten minutes at least', 60, nowMs + 10 * year, nowMs + 600_000],
    ['no longer than the CA', undefined, nowMs + 1000, nowMs + 1000],
  ])('lives %s', (_, expirationSeconds, caNotAfterMs, notAfterMs) => {
    expect(validityOf({ nowMs, caNotAfterMs, signingDurationMs: year, expirationSeconds })).toEqual({ notBeforeMs: nowMs - 300_000, notAfterMs });
  });

  it('an expired CA signs nothing', () => {
    expect(() => validityOf({ nowMs, caNotAfterMs: nowMs - 1, signingDurationMs: year, expirationSeconds: undefined })).toThrow(
      'refusing to sign a certificate that expired in the past',
    );
  });
});

describe('rollout of a Deployment', () => {
  it.each([
    [3, { maxSurge: '25%', maxUnavailable: '25%' }],
    [1, undefined],
    [4, { maxSurge: 0, maxUnavailable: 1 }],
    [5, { maxSurge: 2, maxUnavailable: 0 }],
    [2, { maxSurge: 0, maxUnavailable: 0 }],
  ])('of %i pods with %j stays within its limits and ends', (replicas, limits) => {
    let current: SetState = { name: 'new', wanted: 0, available: 0 };
    let before: SetState = { name: 'old', wanted: replicas, available: replicas };
    for (let turn = 0; turn < 50 && (current.available < replicas || before.wanted > 0); turn++) {
      const scales = nextScales(replicas, { type: 'RollingUpdate', limits }, current, [before]);
      current = { ...current, wanted: scales.get('new') ?? current.wanted };
      const wanted = scales.get('old') ?? before.wanted;
      before = { ...before, wanted, available: Math.min(before.available, wanted) };
      expect(current.available + before.available).toBeGreaterThanOrEqual(replicas - 1);
      expect(current.wanted + before.wanted).toBeLessThanOrEqual(replicas + 2);
      // One more pod of the new set becomes available in each turn.
      current = { ...current, available: Math.min(current.wanted, current.available + 1) };
    }
    expect([current.wanted, current.available, before.wanted]).toEqual([replicas, replicas, 0]);
  });
});

describe('StatefulSet', () => {
  const member = (ordinal: number, rest: Partial<Member> = {}): Member => ({ ordinal, isReady: true, isEnding: false, isUpdated: true, ...rest });
  const spec = { replicas: 3, isParallel: false, isRolling: true, partition: 0 };
  it.each([
    ['begins with the first', spec, [], [0], []],
    ['waits for the first', spec, [member(0, { isReady: false })], [], []],
    ['goes on with the second', spec, [member(0)], [1], []],
    ['is done', spec, [member(0), member(1), member(2)], [], []],
    ['rolls from the last', spec, [member(0, { isUpdated: false }), member(1, { isUpdated: false }), member(2, { isUpdated: false })], [], [2]],
    ['waits for one that ends', spec, [member(0, { isUpdated: false }), member(1, { isUpdated: false }), member(2, { isEnding: true })], [], []],
    ['keeps those below its partition', { ...spec, partition: 2 }, [member(0, { isUpdated: false }), member(1, { isUpdated: false }), member(2)], [], []],
    ['is scaled down from the last', { ...spec, replicas: 1 }, [member(0), member(1), member(2)], [], [2]],
    ['makes all at once when parallel', { ...spec, isParallel: true }, [member(1)], [0, 2], []],
  ])('%s', (_, asked, members, make, remove) => {
    expect(nextSteps(asked, members)).toEqual({ make, remove });
  });
});

describe('PodDisruptionBudget', () => {
  it.each([
    ['one of three may go', { maxUnavailable: 1 }, { expected: 3, counted: 3, healthy: 3 }, 1],
    ['one has gone already', { maxUnavailable: 1 }, { expected: 3, counted: 3, healthy: 2 }, 0],
    ['all must stay', { maxUnavailable: 0 }, { expected: 3, counted: 3, healthy: 3 }, 0],
    ['half must stay', { minAvailable: '50%' }, { expected: 3, counted: 3, healthy: 3 }, 1],
    ['nothing is selected', { maxUnavailable: 1 }, { expected: 0, counted: 0, healthy: 0 }, 0],
  ])('%s', (_, spec, pods, allowed) => {
    expect(budgetOf(spec, pods).disruptionsAllowed).toBe(allowed);
  });
});

describe('tokens', () => {
  const claims = { namespace: 'default', secretName: 'token-1', accountName: 'builder', accountUid: 'u1' };
  it('an RSA key gives the same bytes again, an ECDSA key does not', async () => {
    const rsa = (await makeKeyPair('rsa-2048')).privateKeyPem.reveal().toString('utf8');
    const ecdsa = (await makeKeyPair('ecdsa-p256')).privateKeyPem.reveal().toString('utf8');
    expect(legacyToken(rsa, claims)).toBe(legacyToken(rsa, claims));
    expect(legacyToken(ecdsa, claims)).not.toBe(legacyToken(ecdsa, claims));
    const [header = '', payload = ''] = legacyToken(rsa, claims).split('.');
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toMatchObject({ alg: 'RS256' });
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toEqual({
      iss: 'kubernetes/serviceaccount',
      'kubernetes.io/serviceaccount/namespace': 'default',
      'kubernetes.io/serviceaccount/secret.name': 'token-1',
      'kubernetes.io/serviceaccount/service-account.name': 'builder',
      'kubernetes.io/serviceaccount/service-account.uid': 'u1',
      sub: 'system:serviceaccount:default:builder',
    });
  });

  const b64 = (text: string): string => Buffer.from(text).toString('base64');
  const secret = (data: Record<string, string>): StoredObject =>
    ({ metadata: { name: 's', namespace: 'default', annotations: { 'kubernetes.io/service-account.uid': 'u1' } }, data }) as unknown as StoredObject;
  const full = { 'ca.crt': b64('CA\n'), namespace: b64('default'), token: b64('t') };
  it.each([
    ['nothing is missing', full, undefined],
    ['other bytes of the CA: only that', { ...full, 'ca.crt': b64('CA') }, ['ca.crt']],
    ['a token of another key stays', { ...full, token: b64('other') }, undefined],
    ['an empty token', { ...full, token: '' }, ['token']],
    ['nothing at all', {}, ['ca.crt', 'namespace', 'token']],
  ])('%s', (_, data, keys) => {
    const writes = missingData(secret(data), { rootCa: 'CA\n', token: () => 'new', accountUid: 'u1' });
    expect(writes === undefined ? undefined : Object.keys(writes)).toEqual(keys);
  });

  it('cluster-info is signed by each token, and signatures of gone ones go', () => {
    const data = signedData({ kubeconfig: 'x', 'jws-kubeconfig-gone00': 'old' }, [{ id: 'abcdef', secret: '0123456789abcdef' }]);
    expect(Object.keys(data)).toEqual(['kubeconfig', 'jws-kubeconfig-abcdef']);
    expect(data['jws-kubeconfig-abcdef']).toBe(detachedSignature('x', { id: 'abcdef', secret: '0123456789abcdef' }));
    expect(data['jws-kubeconfig-abcdef']).toMatch(/^[\w-]+\.\.[\w-]+$/);
  });
});

describe('nodes', () => {
  it.each([
    ['49 s and all looks', 10, 49_000, false],
    ['50 s and all looks', 10, 50_000, true],
    ['a machine that stood still', 2, 120_000, false],
  ])('dead after %s', (_, looks, laterMs, expected) => {
    expect(isDead({ seen: 'a', atMs: nowMs, looks }, nowMs + laterMs, 1)).toBe(expected);
  });

  it('a new heartbeat counts anew', () => {
    expect(beat({ seen: 'a', atMs: nowMs, looks: 9 }, 'b', nowMs + 5000)).toEqual({ seen: 'b', atMs: nowMs + 5000, looks: 1 });
  });

  it('taints follow the condition and leave others alone', () => {
    const own = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };
    const lost = wantedTaints([own], 'Unknown', nowMs);
    expect(lost.map((taint) => `${taint.key}:${taint.effect}`)).toEqual([
      'node-role.kubernetes.io/control-plane:NoSchedule',
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    expect(wantedTaints(lost, 'True', nowMs)).toEqual([own]);
  });
});

describe('scheduler', () => {
  const node = (name: string, rest: object = {}): StoredObject =>
    ({ metadata: { name, labels: {} }, spec: {}, status: { conditions: [{ type: 'Ready', status: 'True' }] }, ...rest }) as unknown as StoredObject;
  const pod = (name: string, spec: object = {}): StoredObject =>
    ({ metadata: { name, uid: name, creationTimestamp: '2030-01-01T00:00:00Z', ownerReferences: [{ uid: 'rs' }] }, spec }) as unknown as StoredObject;

  it('binds the most important pod first', () => {
    expect(nextPod([pod('a'), pod('b', { priority: 10 }), pod('c', { priority: 20, nodeName: 'w1' })])?.metadata.name).toBe('b');
  });

  it.each([
    ['the emptier node', [node('w1'), node('w2')], {}, 'w2'],
    ['no node that is tainted', [node('w1'), node('w2', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } })], {}, 'w1'],
    ['one that it bears', [node('w1'), node('w2', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } })], { tolerations: [{ operator: 'Exists' }] }, 'w2'],
    ['none that is not Ready', [node('w2', { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } })], {}, undefined],
    ['none that is cordoned', [node('w2', { spec: { unschedulable: true } })], {}, undefined],
  ])('chooses %s', (_, nodes, spec, expected) => {
    expect(chooseNode(pod('new', spec), nodes, [pod('there', { nodeName: 'w1' })])).toBe(expected);
  });
});
