import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import { pinOwnFile } from '../../operations/own-files.js';
import type { Site } from '../../ports/step-kind.js';
import { putObjects } from './kind.js';

let world: PaperWorld;
let folder: string;
beforeEach(async () => {
  world = await createPaperWorld();
  folder = mkdtempSync(join(tmpdir(), 'put-objects-'));
  writeFileSync(join(folder, 'ca.pem'), world.cas.incoming.certificatePem);
});
afterEach(() => {
  world.close();
  rmSync(folder, { recursive: true, force: true });
});

function site(): Site {
  const at = world.site();
  return { ...at, plan: { ...at.plan, playbook: { ...at.plan.playbook, file: join(folder, 'playbook.yaml') } } };
}

const config = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'copy' };
const secret = { apiVersion: 'v1', kind: 'Secret', namespace: 'default', name: 'copy' };

describe('put-objects', () => {
  it('puts text into a ConfigMap and base64 into a Secret, and takes both back', async () => {
    const kube = world.site().access.kube();
    await kube.create({ ...config, metadata: { name: 'copy', namespace: 'default' }, data: { 'ca.crt': 'before' } });
    await kube.create({ ...secret, metadata: { name: 'copy', namespace: 'default' }, data: { 'ca.crt': 'YmVmb3Jl', other: 'c3RheXM=' } });
    const p = putObjects.params.parse({ objects: [config, secret].map((object) => ({ ...object, field: '/data/ca.crt', from: 'ca.pem' })) });
    expect(await putObjects.preflight(site(), p)).toEqual([]);
    const checkpoint = await putObjects.checkpoint(site(), p);
    expect(await putObjects.inspect(site(), p)).toBe('absent');
    await putObjects.apply(site(), p);
    expect(await putObjects.inspect(site(), p)).toBe('present');
    expect(await putObjects.verify(site(), p)).toEqual([]);
    expect((await kube.read(config))?.data).toEqual({ 'ca.crt': world.cas.incoming.certificatePem });
    expect((await kube.read(secret))?.data).toEqual({ 'ca.crt': Buffer.from(world.cas.incoming.certificatePem).toString('base64'), other: 'c3RheXM=' });
    for (let n = 0; n < 2; n++) await putObjects.undo(site(), p, checkpoint);
    expect((await kube.read(config))?.data).toEqual({ 'ca.crt': 'before' });
    expect((await kube.read(secret))?.data).toEqual({ 'ca.crt': 'YmVmb3Jl', other: 'c3RheXM=' });
  });

  it('refuses an object that is not there', async () => {
    const p = putObjects.params.parse({ objects: [{ ...config, field: '/data/ca.crt', from: 'ca.pem' }] });
    expect((await putObjects.preflight(site(), p)).map((f) => [f.code, f.target])).toEqual([['file-missing', 'ConfigMap default/copy /data/ca.crt']]);
  });

  it('names the places that it changes as the trust graph does', () => {
    const webhook = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      name: 'w',
      field: '/webhooks/0/clientConfig/caBundle',
      from: 'ca.pem',
    };
    const pinned = pinOwnFile(join(folder, 'ca.pem'));
    const p = putObjects.pinned?.(putObjects.params.parse({ objects: [webhook] }), new Map([['ca.pem', pinned]])) as never;
    expect(putObjects.changes?.(p, undefined as never)).toEqual([
      { type: 'put', place: 'ValidatingWebhookConfiguration w /webhooks/0/clientConfig/caBundle', content: pinned.holds },
    ]);
  });
});
