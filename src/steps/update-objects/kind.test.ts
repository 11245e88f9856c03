import { beforeEach, describe, expect, it } from 'vitest';
import type { ObjectRecord } from '../../domain/cluster/inventory.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Site } from '../../ports/step-kind.js';
import { certificatesIn } from '../../scan/objects/certificates-in.js';
import { makeCa } from '../../x509/certificate-authority.js';
import { createPaperKube, type PaperKube } from '../../../test/support/paper-kube.js';
import { updateObjects } from './kind.js';

const validity = { notBeforeMs: Date.UTC(2026, 0, 1), notAfterMs: Date.UTC(2036, 0, 1) };
const pem = async (commonName: string) => (await makeCa({ ...validity, subject: { commonName, organizations: [] } })).certificatePem;
const [outgoing, incoming, other] = (await Promise.all(['kubernetes', 'incoming', 'other'].map(pem))) as [string, string, string];
const b64 = (text: string): string => Buffer.from(text).toString('base64');
const kubeconfig = (ca: string): string =>
  `apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: ${b64(ca)}\n    server: https://api:6443\n  name: ""\ncontexts: null\n`;
const cloudInit = (ca: string): string => `#cloud-config\nruncmd:\n- kubeadm join --ca {{ x }}\nca: "${b64(ca)}" # keep\n`;
const both = updateObjects.params.parse({ trusts: ['outgoing', 'incoming'] });
const only = updateObjects.params.parse({ trusts: ['incoming'] });

let api: PaperKube;
let records: ObjectRecord[];
beforeEach(() => {
  api = createPaperKube();
  records = [];
});

const site = (): Site =>
  ({
    target: 'cluster',
    inventory: { objects: records },
    access: api.access,
    artefacts: { get: (name: string) => ({ 'outgoing-ca.pem': outgoing, 'incoming-ca.pem': incoming })[name] },
    deadlineAtMs: 10_000,
    now: () => 0,
    signal: new AbortController().signal,
    tell: () => undefined,
  }) as unknown as Site;

function add(object: KubeObject): void {
  api.put(object);
  records.push(...certificatesIn(object));
}
const map = (data: object, more: object = {}): KubeObject =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one', namespace: 'default' }, data, ...more }) as KubeObject;
const secret = (data: object): KubeObject => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'one', namespace: 'default' }, type: 'Opaque', data });
const webhook = (caBundle: string): KubeObject => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'one' },
  webhooks: [{ name: 'a', clientConfig: { caBundle } }],
});

const forms: readonly [string, (ca: string) => KubeObject][] = [
  ['PEM', (ca) => map({ 'ca.crt': ca })],
  ['PEM of a mixed bundle', (ca) => map({ 'ca.crt': `${other}${ca}` })],
  ['base64 of PEM', (ca) => webhook(b64(ca))],
  ['base64 of PEM in text', (ca) => map({ userdata: cloudInit(ca) })],
  ['kubeconfig', (ca) => map({ kubeconfig: kubeconfig(ca) })],
  ['Secret with PEM', (ca) => secret({ 'ca.crt': b64(ca) })],
  ['Secret with base64 of PEM', (ca) => secret({ 'ca.b64': b64(b64(ca)) })],
  ['Secret with a kubeconfig', (ca) => secret({ value: b64(kubeconfig(ca)) })],
  ['ConfigMap with a binary kubeconfig', (ca) => map({}, { binaryData: { conf: b64(kubeconfig(ca)) } })],
];

describe.each(forms)('update-objects: %s', (_, form) => {
  const body = (object: KubeObject | undefined): unknown => ({ ...object, metadata: { ...object?.metadata, resourceVersion: '', uid: '' } });
  const now = (): unknown => body(api.read(form('').kind, 'one', form('').kind.startsWith('Validating') ? undefined : 'default'));

  it('is widened, narrowed, left alone when it is so already, and put back', async () => {
    add(form(outgoing));
    const before = now();
    const checkpoint = await updateObjects.checkpoint(site(), both);
    expect(await updateObjects.inspect(site(), both)).toBe('absent');
    await updateObjects.apply(site(), both);
    expect(now()).toEqual(body(form(`${outgoing}${incoming}`)));
    expect(await updateObjects.verify(site(), both)).toEqual([]);
    const version = () => JSON.stringify(api.snapshot());
    const once = version();
    await updateObjects.apply(site(), both);
    expect(version()).toBe(once);
    await updateObjects.apply(site(), only);
    expect(now()).toEqual(body(form(incoming)));
    await updateObjects.undo(site(), both, checkpoint);
    expect(now()).toEqual(before);
  });
});

describe('update-objects', () => {
  it('leaves what the cluster writes itself, and what holds other CAs only', async () => {
    add({ ...map({ 'ca.crt': outgoing }), metadata: { name: 'kube-root-ca.crt', namespace: 'default' } });
    add(map({ 'ca.crt': other }));
    const before = api.snapshot();
    await updateObjects.apply(site(), both);
    expect(api.snapshot()).toEqual(before);
    expect(await updateObjects.inspect(site(), both)).toBe('present');
  });

  it('says that another one wrote in between, and may be tried again', async () => {
    add(map({ 'ca.crt': outgoing }));
    api.beforeReplace(() => api.put(map({ 'ca.crt': outgoing, more: 'x' })));
    await expect(updateObjects.apply(site(), both)).rejects.toMatchObject({ code: 'api-refused', failures: [{ retryable: true }] });
    await updateObjects.apply(site(), both);
    expect(api.read('ConfigMap', 'one', 'default')?.data).toEqual({ 'ca.crt': `${outgoing}${incoming}`, more: 'x' });
  });

  it('names what another source put back', async () => {
    add(map({ 'ca.crt': outgoing }));
    await updateObjects.apply(site(), both);
    api.put(map({ 'ca.crt': outgoing }));
    expect(await updateObjects.verify(site(), both)).toMatchObject([{ code: 'file-changed', target: 'ConfigMap default/one' }]);
  });
});
