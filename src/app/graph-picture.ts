/** Draws the trust graph of an inventory, or of a plan with what each of its steps does, in one of four formats. */

import { readFileSync } from 'node:fs';
import type { Inventory } from '../domain/cluster/inventory.js';
import { fail } from '../domain/errors.js';
import { readPlan } from '../domain/plan/digest.js';
import type { Plan } from '../domain/plan/plan.js';
import { proofOfPlan } from '../domain/plan/prove.js';
import { caOfInventory } from '../picture/ca-of.js';
import { dotOf } from '../picture/dot.js';
import { htmlOf } from '../picture/html.js';
import { layOut } from '../picture/layout.js';
import { makePicture } from '../picture/make-picture.js';
import { mermaidOf } from '../picture/mermaid.js';
import { overviewOf } from '../picture/overview.js';
import type { Moment, Picture } from '../picture/picture.js';
import { svgOf } from '../picture/svg.js';
import { stepKinds } from '../steps/index.js';
import { readRecording } from './read-recording.js';

export type PictureFormat = 'svg' | 'html' | 'dot' | 'mermaid';

/** Without steps: how things stand when the inventory was taken. */
export type PictureSource = Pick<Plan, 'inventory'> & Partial<Plan>;

export interface GraphPictureOptions {
  readonly format: PictureFormat;
  /** Id of a step, `now`, or `all`: the worst that happens to each line. Default `all`. A page has every step in it and takes none. */
  readonly step?: string;
}

/** The text of a file. Throws usage where there is no such step. */
export async function graphPicture(source: PictureSource, { format, step = 'all' }: GraphPictureOptions): Promise<string> {
  const picture = pictureOf(source);
  if (format === 'html') return htmlOf(picture, await layOut(picture), { script: asset('page.js'), style: asset('page.css') });
  const moment = momentOf(picture, step);
  if (format === 'dot') return dotOf(picture, moment);
  if (format === 'mermaid') return mermaidOf(picture, moment);
  // Boxes need room only for what is shown of them.
  const alone = { ...picture, moments: [moment] };
  return svgOf(alone, await layOut(alone), moment);
}

export function pictureOf({ inventory, steps = [], name, createdAt, accepted = [] }: PictureSource): Picture {
  // Judged by the clock of the plan or the scan: the picture is of then, also where it is drawn from a file a year later.
  const { graph, proof } = proofOfPlan({ plan: { inventory, steps }, kinds: stepKinds, atMs: Date.parse(createdAt ?? inventory.takenAt), accepted });
  const { server, version } = inventory.cluster;
  const title = [`Cluster ${server}`, version, `${inventory.nodes.length} nodes`, ...(name === undefined ? [] : [`plan ${name}`])].join(', ');
  return makePicture({ title, graph, proof, caOf: caOfInventory(inventory), titles: new Map(steps.map((step) => [step.id, step.title])) });
}

function momentOf(picture: Picture, step: string): Moment {
  if (step === 'all') return overviewOf(picture);
  const moment = picture.moments.find((one) => one.step === step);
  if (moment !== undefined) return moment;
  const steps = picture.moments.map((one) => one.step);
  return fail('usage', {
    target: '--step',
    summary: `there is no step "${step}"`,
    nextAction: steps.length === 1 ? 'Give a plan with --from, or leave --step out.' : `Give "all" or one of: ${steps.join(', ')}.`,
  });
}

/** A plan, or an inventory alone. Throws plan-invalid, inventory-invalid. */
export function readPictureSource(file: string): PictureSource {
  const json = readFileSync(file, 'utf8');
  const inventory: Inventory = readRecording(json, file);
  return /"kind":\s*"Plan"/.test(json) ? readPlan(json, file) : { inventory };
}

function asset(name: string): string {
  return readFileSync(new URL(`../picture/page/${name}`, import.meta.url), 'utf8');
}
