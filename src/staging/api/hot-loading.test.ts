/** What an API server takes from its files while it runs, and how it judges open connections. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTlsProbe } from '../../adapters/tls/tls-probe.js';
import type { Kube } from '../../ports/kube.js';
import { createClient } from '../client/create-client.js';
import { readStagingKubeconfig } from '../client/kubeconfig-file.js';
import { leafOf, newCa, pki, type TestControlPlane, testControlPlane, until } from './control-plane.test-support.js';

let plane: TestControlPlane;
let kube: Kube;
const probe = openTlsProbe();
const at = (): { host: string; port: number } => ({ host: plane.nodes[0]?.address ?? '', port: 6443 });

beforeAll(async () => {
  plane = await testControlPlane();
  await plane.startEtcd(plane.nodes[0]!);
  await plane.startApi(plane.nodes[0]!);
  kube = (await plane.open(await leafOf(plane.cas.cluster, 'kubernetes-admin', { organizations: ['kubeadm:cluster-admins'] }))).kube();
});

afterAll(() => plane?.close());

describe('what changes while it runs', () => {
  it('loads a client CA by itself, and judges open connections by it', async () => {
    const [node] = plane.nodes;
    const incoming = await newCa('kubernetes', 'g2');
    const probeUser = await leafOf(incoming, 'rotation-probe');
    const client = createClient(readStagingKubeconfig(plane.kubeconfig(probeUser), () => undefined));
    const whoAmI = async (): Promise<number> =>
      (await client.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' } })).status;
    expect(await whoAmI()).toBe(401);
    node!.write(`${pki}/ca.crt`, `${plane.cas.cluster.certificatePem}${incoming.certificatePem}`);
    await until('the bundle is loaded', async () => (await whoAmI()) === 201);
    // A malformed block refuses the whole file; what was loaded stays.
    node!.write(`${pki}/ca.crt`, `${plane.cas.cluster.certificatePem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`);
    await until('the refusal is logged', () => plane.logs.get('kube-apiserver cp1')!.some((line) => line.includes('malformed certificate')));
    expect(await whoAmI()).toBe(201);
    node!.write(`${pki}/ca.crt`, plane.cas.cluster.certificatePem);
    await until('the CA is gone', async () => (await whoAmI()) === 401);
    expect((await kube.read({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'extension-apiserver-authentication' }))?.data).toMatchObject({
      'client-ca-file': expect.stringContaining(incoming.certificatePem.trim()),
      'requestheader-allowed-names': '["front-proxy-client"]',
    });
    client.close();
  });

  it('keeps the trust of extension servers as a union, and makes it anew when it is deleted', async () => {
    const name = 'extension-apiserver-authentication';
    const trust = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name };
    const own = plane.cas.cluster.certificatePem;
    const extra = (await newCa('kubernetes', 'g3')).certificatePem;
    await kube.patch(trust, { data: { 'client-ca-file': extra } });
    await until(
      'the own CA is added',
      async () => ((await kube.read(trust))?.data as Record<string, string> | undefined)?.['client-ca-file'] === `${extra}${own}`.replaceAll('\n\n', '\n'),
    );
    await kube.remove(trust);
    await until(
      'it is there again, without the other',
      async () => ((await kube.read(trust))?.data as Record<string, string> | undefined)?.['client-ca-file'] === own.replaceAll('\n\n', '\n'),
    );
  });

  it('serves a new pair without a restart, and not one half of it', async () => {
    const [node] = plane.nodes;
    const next = await leafOf(plane.cas.cluster, 'kube-apiserver', { sans: [`IP:${node!.address}`], usages: ['serverAuth'] });
    const [before] = await probe.presentedBy(at(), { deadlineMs: 20_000 });
    node!.write(`${pki}/apiserver.key`, next.key.reveal());
    await until('the half is noticed', () => plane.logs.get('kube-apiserver cp1')!.some((line) => line.includes('tls: private key does not match public key')));
    expect(await probe.presentedBy(at(), { deadlineMs: 20_000 })).toEqual([before]);
    node!.write(`${pki}/apiserver.crt`, next.certificatePem);
    await until('the new one is served', async () => (await probe.presentedBy(at(), { deadlineMs: 20_000 }))[0]?.trim() === next.certificatePem.trim());
    expect(await probe.verifies(at(), { caPem: plane.cas.cluster.certificatePem, deadlineMs: 20_000 })).toEqual({ ok: true });
  });

  it('judges dates by the clock of its node', async () => {
    const [node] = plane.nodes;
    const short = await leafOf(plane.cas.cluster, 'short', { notAfterMs: Date.now() + 3_600_000 });
    const client = createClient(readStagingKubeconfig(plane.kubeconfig(short), () => undefined));
    expect((await client.request('GET', '/version')).status).toBe(200);
    node!.skewMs = 2 * 3_600_000;
    expect((await client.request('GET', '/version')).status).toBe(401);
    expect(plane.logs.get('kube-apiserver cp1')?.at(-1)).toMatch(/x509: certificate has expired or is not yet valid: current time .*Z is after .*Z/);
    node!.skewMs = 0;
    client.close();
  });
});
