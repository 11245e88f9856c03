/** What the shadow of distrust cannot read is said: never taken for "nobody". */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordRun } from '../../test/support/recorded-run.js';
import { fail } from '../domain/errors.js';
import { artefactNames } from '../operations/run-files.js';
import type { Kube, KubeObject } from '../ports/kube.js';
import type { NodeShell } from '../ports/node-shell.js';
import type { TlsProbe } from '../ports/tls-probe.js';
import { b64, ca, controlPlane, files, host, kubeOf, layOut, leafPem, makeFiles, node, removeNodes, root, shellAt, shellsOf } from '../scan/folder-cluster.test-support.js';
import { overviewOf } from './list-runs.js';
import { openRunFolder } from './run-folder.js';
import { shadowNow } from './shadow.js';
import type { World } from './world.js';

const manifest = '/etc/kubernetes/manifests/kube-apiserver.yaml';
const log = '/var/log/kubernetes/audit.log';
let stateDir: string;

beforeAll(async () => {
  await makeFiles();
  files[manifest] = (files[manifest] ?? '').replace('    image:', `    - --audit-log-path=${log}\n    image:`);
  files[log] = `${JSON.stringify({
    kind: 'Event',
    user: { username: 'alice', extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${'ab'.repeat(32)}`] } },
    sourceIPs: ['192.0.2.7'],
    userAgent: 'kubectl',
    // Certificates of this cluster begin a day before.
    stageTimestamp: '2030-01-02T00:00:00.000000Z',
  })}\n`;
  layOut('cp1');
  stateDir = mkdtempSync(join(tmpdir(), 'rotate-ca-shadow-'));
  recordRun(stateDir, [{ type: 'run.submitted', by: 'sre' }], 'r1');
  const artefacts = openRunFolder(stateDir, 'r1').artefacts(1);
  artefacts.put(artefactNames.outgoingCa, ca.certificatePem);
  artefacts.put('published-outgoing+incoming-1.txt', '2026-11-23T00:00:00.000Z\n');
});
afterAll(() => {
  removeNodes();
  rmSync(stateDir, { recursive: true, force: true });
});

const refuse = (code: 'api-forbidden' | 'ssh-unreachable' | 'interrupted') =>
  Promise.resolve().then(() => fail(code, { target: 'x', summary: 'no', cause: 'because', nextAction: 'x' }));
const csr: KubeObject = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name: 'ci' }, status: { certificate: b64(leafPem) } };
const whole = () => kubeOf({ Node: [node('cp1', '10.0.0.11', controlPlane)], CertificateSigningRequest: [csr] });
const without = (code: 'api-forbidden' | 'interrupted', ...kinds: string[]): Kube => {
  const kube = whole();
  return { ...kube, list: (of: { kind: string }) => (kinds.includes(of.kind) ? refuse(code) : kube.list(of as never)) } as unknown as Kube;
};

/** The log of the node's folder, whatever else runs on this machine. */
const reading = (name: string): NodeShell => ({
  ...shellAt(name),
  must: (script: string, options) =>
    shellAt(name).must(script.replaceAll('pidof kube-apiserver', 'false').replace('command -v ss', 'false').replace("path='/var", `path='${root}/${name}/var`), options),
});

function shadow(kube: Kube, run = 'r1', shell: (name: string) => NodeShell = reading) {
  const world = {
    hosts: [host('cp1')],
    shells: shellsOf(shell),
    access: { kube: () => kube, original: () => undefined },
    tls: { presentedBy: () => refuse('ssh-unreachable') } as unknown as TlsProbe,
  } as unknown as World;
  return shadowNow({ world, folder: openRunFolder(stateDir, run), lines: overviewOf(stateDir, run).lines });
}

describe('the shadow of distrust', () => {
  it('names who is in the audit log, and says nothing of what it has read', async () => {
    const { holders, unseen } = await shadow(whole());
    expect(holders.filter(({ asksAck }) => asksAck).map(({ who }) => who)).toEqual(['alice']);
    expect(unseen.filter(({ place }) => /Request|pods|audit|apiserver@/.test(place))).toEqual([]);
  });

  it.each<[string, string, Record<string, string>]>([
    ['signed requests', 'CertificateSigningRequest', { place: 'CertificateSigningRequest', why: 'no: because' }],
    ['pods', 'Pod', { place: 'pods from before both CAs were published', why: 'no: because' }],
    ['ReplicaSets, by which pods are told', 'ReplicaSet', { place: 'pods from before both CAs were published', why: 'no: because' }],
  ])('%s that may not be listed are said, and the rest is named', async (_, kind, line) => {
    const { holders, unseen } = await shadow(without('api-forbidden', kind));
    expect(unseen).toContainEqual(line);
    expect(holders.map(({ who }) => who)).toContain('alice');
  });

  it('an audit log that cannot be read is said', async () => {
    const shell = (name: string): NodeShell => ({
      ...reading(name),
      must: (script: string, options) => (script.includes('credential-id') ? refuse('ssh-unreachable') : reading(name).must(script, options)),
    });
    const { holders, unseen } = await shadow(whole(), 'r1', shell);
    expect(unseen).toContainEqual({ place: `cp1:${log}`, why: 'no: because' });
    expect(holders.map(({ who }) => who)).not.toContain('alice');
  });

  it('an audit log that is not there, or empty, is said', async () => {
    writeFileSync(join(root, 'cp1', log), '');
    expect((await shadow(whole())).unseen).toContainEqual({ place: `cp1:${log}`, why: expect.stringContaining('empty') as string });
    rmSync(join(root, 'cp1', log));
    expect((await shadow(whole())).unseen).toContainEqual({ place: `cp1:${log}`, why: 'there is no such file' });
    layOut('cp1');
  });

  it('before both CAs were published nobody knows which pods are from before', async () => {
    recordRun(stateDir, [{ type: 'run.submitted', by: 'sre' }], 'r2');
    openRunFolder(stateDir, 'r2').artefacts(1).put(artefactNames.outgoingCa, ca.certificatePem);
    expect((await shadow(whole(), 'r2')).unseen).toContainEqual({ place: 'pods', why: expect.stringContaining('not published yet') as string });
  });

  it('without an incoming CA there is nothing to ask', async () => {
    recordRun(stateDir, [{ type: 'run.submitted', by: 'sre' }], 'r3');
    await expect(shadow(whole(), 'r3')).rejects.toMatchObject({ code: 'decision-refused' });
  });

  it('who asked to stop is heard, and a defect stays one', async () => {
    await expect(shadow(without('interrupted', 'CertificateSigningRequest'))).rejects.toMatchObject({ code: 'interrupted' });
    const kube = whole();
    const broken = { ...kube, list: (of: { kind: string }) => (of.kind === 'CertificateSigningRequest' ? Promise.reject(new TypeError('defect')) : kube.list(of as never)) };
    await expect(shadow(broken as unknown as Kube)).rejects.toBeInstanceOf(TypeError);
  });
});
