import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Inventory } from '../domain/cluster/inventory.js';
import { failuresOf } from '../domain/errors.js';
import type { Plan } from '../domain/plan/plan.js';
import { graphPicture, type PictureFormat, pictureOf, readPictureSource } from './graph-picture.js';
import { planOnRecording } from './make-plan.js';

const inventory = JSON.parse(readFileSync('fixtures/inventories/kubeadm-ha.json', 'utf8')) as Inventory;
const settings = {
  inventoryFile: 'i',
  kubeconfig: '',
  context: '',
  vault: { address: 'https://vault:8200', mount: 'pki' },
  recipients: ['age1x'],
  identityFile: 'k',
  stateDir: '',
};
const folder = mkdtempSync(join(tmpdir(), 'graph-picture-'));
let plan: Plan;
beforeAll(async () => {
  plan = await planOnRecording('playbooks/cluster-ca.yaml', inventory, { settings, name: 'r1', now: Date.parse(inventory.takenAt) });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a recorded cluster with the plan of its rotation', () => {
  it('has a frame for its control planes and one for its workers, and a moment for each step', () => {
    const picture = pictureOf(plan);
    expect(picture.frames.map(({ title }) => title)).toEqual(['cp1..cp3 (3)', 'w1, w2', '']);
    expect(picture.moments.map(({ step }) => step)).toEqual(['now', ...plan.steps.map(({ id }) => id)]);
    expect(picture.cas.map(({ generation }) => generation)).toEqual(expect.arrayContaining(['outgoing', 'incoming', 'other']));
  });

  it('begins with the outgoing CA everywhere and ends with the incoming one in all that kubelets and API servers trust', () => {
    const picture = pictureOf(plan);
    const held = (at: number, title: string): string[] => {
      const boxes = picture.boxes.filter((box) => box.title === title);
      const views = boxes.flatMap(({ id }) => picture.moments.at(at)?.boxes.get(id) ?? []);
      return [...new Set(views.flatMap(({ trusts }) => trusts.map(({ ca }) => ca.generation)))].filter((generation) => generation !== 'other');
    };
    for (const title of ['kube-apiserver', 'kubelet', 'kube-controller-manager']) expect([title, held(0, title), held(-1, title)]).toEqual([title, ['outgoing'], ['incoming']]);
  });

  it.each<[PictureFormat, RegExp]>([
    ['svg', /^<\?xml [\s\S]*<\/svg>\n$/],
    ['html', /^<!doctype html>[\s\S]*<\/html>\n$/],
    ['dot', /^digraph "rotate-ca" \{[\s\S]*\}\n$/],
    ['mermaid', /^%% "[^\n]*"\nflowchart LR\n/],
  ])('as %s', async (format, looks) => {
    expect(await graphPicture(plan, { format })).toMatch(looks);
  });

  it('an inventory alone has no steps', async () => {
    expect(pictureOf({ inventory }).moments).toHaveLength(1);
    expect(await graphPicture({ inventory }, { format: 'html' })).not.toContain('type="range"');
  });

  it('at one of its steps', async () => {
    const step = plan.steps.find(({ kind }) => kind === 'renew-kubelets');
    expect(await graphPicture(plan, { format: 'svg', step: step?.id ?? '' })).toContain(step?.title);
  });

  it.each([
    ['a plan', () => plan, 'distrust', /^Give "all" or one of: now, /],
    ['an inventory', () => ({ inventory }), 'x', /^Give a plan with --from/],
  ])('a step that %s does not have is refused', async (_, source, step, next) => {
    const failures = await graphPicture(source(), { format: 'svg', step }).catch((error: unknown) => failuresOf(error));
    expect(failures).toMatchObject([{ code: 'usage', target: '--step', nextAction: expect.stringMatching(next) }]);
  });
});

describe('what a file holds', () => {
  const put = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  it('a plan has its steps, an inventory has none', () => {
    expect(readPictureSource(put('plan.json', JSON.stringify(plan))).steps).toHaveLength(plan.steps.length);
    expect(readPictureSource(put('scan.json', JSON.stringify(inventory))).steps).toBeUndefined();
  });

  it.each([
    ['no JSON', () => '{"kind": "Plan", ', 'plan-invalid'],
    ['an edited plan', () => JSON.stringify({ ...plan, steps: plan.steps.slice(1) }), 'plan-invalid'],
    ['a plan that is cut off', () => JSON.stringify(plan).slice(0, 5_000), 'plan-invalid'],
    ['pods that are none', () => JSON.stringify({ ...inventory, pods: 5 }), 'inventory-invalid'],
    ['another kind', () => '{"kind": "Pod", "apiVersion": "v1"}', 'plan-invalid'],
  ])('%s is refused with its place', (name, text, code) => {
    const file = put(`${name}.json`, text());
    try {
      readPictureSource(file);
    } catch (error) {
      expect(failuresOf(error)).toMatchObject([{ code, target: expect.stringContaining(file) }]);
      return;
    }
    expect.fail('it was accepted');
  });
});
