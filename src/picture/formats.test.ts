/** All formats of a picture whose names are as odd as names can be, and what the page holds. */

import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { instance } from '@viz-js/viz';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { dotOf } from './dot.js';
import { htmlOf } from './html.js';
import type { Rect } from './geometry.js';
import { type Layout, layOut } from './layout.js';
import { makePicture } from './make-picture.js';
import { measureLabel } from './measures.js';
import { mermaidOf } from './mermaid.js';
import { overviewOf } from './overview.js';
import type { Picture } from './picture.js';
import { sampleInput } from './sample.test-support.js';
import { svgOf } from './svg.js';

const asset = (name: string): string => readFileSync(new URL(`page/${name}`, import.meta.url), 'utf8');
const assets = { script: asset('page.js'), style: asset('page.css') };
const evil = `</script><img src=x onerror=alert(1)>"'&\n\`end\` {{x}}`;

function oddPicture(): Picture {
  const input = sampleInput({ controlPlanes: 2, workers: 2 });
  const rename = (text: string): string => text.replaceAll('w1', evil);
  const graph = {
    ...input.graph,
    processes: input.graph.processes.map((one) => ({ ...one, id: rename(one.id), ...(one.node === undefined ? {} : { node: rename(one.node) }) })),
    edges: input.graph.edges.map((one) => ({ ...one, id: rename(one.id), client: rename(one.client), server: rename(one.server) })),
    inputs: input.graph.inputs.map((one) => ({ ...one, id: rename(one.id), process: rename(one.process) })),
    unseen: [evil],
  };
  const steps = input.proof.steps.map((step) => ({
    ...step,
    step: `${step.step}${evil}`,
    findings: step.findings.map((one) => ({ ...one, edge: rename(one.edge), why: `${one.why}${evil}` })),
    changes: step.changes.map((one) => ({ ...one, after: [...one.after, evil] })),
  }));
  return makePicture({ ...input, title: evil, graph, proof: { ...input.proof, steps }, titles: new Map() });
}

/** The names of all tags, in a text in which "<" stands only before tags. */
function tagsOf(text: string): Set<string> {
  return new Set([...text.matchAll(/<\/?([^\s>/]*)/g)].map(([, name = '']) => name.toLowerCase()));
}

describe('odd names', () => {
  const picture = oddPicture();
  let layout: Layout;
  beforeAll(async () => {
    layout = await layOut(picture);
  });

  it('make no tag in SVG', () => {
    const svg = svgOf(picture, layout, overviewOf(picture));
    expect([...tagsOf(svg.replace(/<style>.*?<\/style>/s, ''))].sort()).toEqual(['?xml', 'g', 'path', 'rect', 'svg', 'text', 'title', 'tspan']);
    expect(svg).toContain('&lt;/script&gt;');
  });

  it('make no tag and no code in the page', () => {
    const html = htmlOf(picture, layout, assets);
    const body = html.replace(/<style>.*?<\/style>/s, '').replace(`<script>${assets.script}</script>`, '');
    expect(tagsOf(body)).not.toContain('script');
    expect(tagsOf(body)).not.toContain('img');
    const bare = body.replaceAll(/"[^"]*"/g, '""');
    expect([...bare.matchAll(/<[^>]*\s(?:on\w+|style|href|src)=/g)]).toEqual([]);
  });

  it('are a graph that Graphviz reads, with as many boxes and lines', async () => {
    const viz = await instance();
    const drawn = viz.renderJSON(dotOf(picture, overviewOf(picture))) as { objects: { name: string }[]; edges: unknown[] };
    expect(drawn.objects.filter(({ name }) => name.startsWith('b'))).toHaveLength(picture.boxes.length);
    expect(drawn.edges).toHaveLength(picture.lines.length);
  });

  it('are a flowchart of known kinds of lines', () => {
    const text = mermaidOf(picture, overviewOf(picture));
    const kinds = [
      /^%% "[^"]*"$/,
      /^flowchart LR$/,
      /^ {2}subgraph f\d+\["[^"]*"\]$/,
      /^ {2,4}b\d+\["[^"]*"\]$/,
      /^ {2}end$/,
      /^ {2}b\d+ -->\|"[^"]*"\| b\d+$/,
      /^ {2}linkStyle \d+ stroke:#\w+,stroke-width:[\d.]+px(,stroke-dasharray:[\d ]+)?,color:#\w+$/,
      /^ {2}(classDef|class) /,
      /^$/,
    ];
    expect(text.split('\n').filter((line) => !kinds.some((kind) => kind.test(line)))).toEqual([]);
  });
});

describe('the page', () => {
  const picture = makePicture(sampleInput({ controlPlanes: 3, workers: 3 }));
  let html: string;
  beforeAll(async () => {
    html = htmlOf(picture, await layOut(picture), assets);
  });
  const between = (tag: string): string => new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(html)?.[1] ?? '';

  it('allows its own script and style and nothing else', () => {
    const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1] ?? '';
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      `script-src ${hash(between('script'))}`,
      `style-src ${hash(between('style'))}`,
      "base-uri 'none'",
      "form-action 'none'",
    ]);
  });

  it('asks no other place for anything', () => {
    expect([...html.matchAll(/\b(?:src|href|url)\s*[=(]/g)]).toEqual([]);
    expect([...html.matchAll(/https?:\/\/[^"'\s<]+/g)].map(([url]) => url).filter((url) => url !== 'http://www.w3.org/2000/svg')).toEqual([]);
  });

  it('its script makes no element out of text', () => {
    expect(assets.script).not.toMatch(/innerHTML|outerHTML|insertAdjacent|document\.write|createElement|\beval\b|Function\(|fetch\(|import\(/);
  });

  it('shows each part in one look at each moment', () => {
    const shown = (from: string): number[] => [...from.matchAll(/data-at="([\d ]+)"/g)].flatMap(([, at = '']) => at.split(' ').map(Number));
    const parts = html
      .slice(0, html.indexOf('</figure>'))
      .split(/(?=<g class="(?:line|box)" data-)/)
      .filter((part) => part.includes('data-at='));
    expect(parts.length).toBeGreaterThan(picture.boxes.length / 2);
    for (const part of parts) expect(shown(part).toSorted((a, b) => a - b)).toEqual(picture.moments.map((_, at) => at));
    expect([...html.matchAll(/<section data-at="(\d+)"/g)].map(([, at]) => Number(at))).toEqual(picture.moments.map((_, at) => at));
  });

  it('has one button for each moment, with the sign of the worst that its step does', () => {
    const buttons = [...html.matchAll(/<li><button type="button" title="[^"]*"[^>]*>(.*?)<\/button>/g)].map(([, text = '']) => text.replace(/<[^>]*>/g, ''));
    expect(buttons).toEqual(['now', '1', '2 ~', '3 ~', '4 ~', '5 ~', '6 !', '7', '8 ×']);
  });
});

describe('the layout', () => {
  it.each([
    { controlPlanes: 3, workers: 3 },
    { controlPlanes: 3, workers: 197 },
    { controlPlanes: 1, workers: 1 },
  ])('of %j: boxes lie in their frames and on no other box, labels on no other label', async (size) => {
    const picture = makePicture(sampleInput(size));
    const { boxes, frames, lines } = await layOut(picture);
    const rects = [...boxes.values()];
    expect(pairs(rects).filter(([a, b]) => meet(a, b))).toEqual([]);
    for (const { id, frame } of picture.boxes) {
      const outer = frames.get(frame);
      if (outer !== undefined) expect(contains(outer, boxes.get(id))).toBe(true);
    }
    const labels = picture.lines.flatMap((line): Rect[] => {
      const at = lines.get(line.id)?.label;
      const { width, height } = measureLabel(line, picture);
      return at === undefined ? [] : [{ x: at.x - width / 2, y: at.y - height / 2, width, height }];
    });
    expect(pairs(labels).filter(([a, b]) => meet(a, b))).toEqual([]);
  });

  it('puts everything somewhere, whatever the graph', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 4 }), async (controlPlanes, workers, podsPerWorker) => {
        const picture = makePicture(sampleInput({ controlPlanes, workers, podsPerWorker }));
        const layout = await layOut(picture);
        expect([...layout.boxes.keys()].toSorted()).toEqual(picture.boxes.map(({ id }) => id).toSorted());
        expect([...layout.lines.values()].every(({ curve, tip }) => curve.length >= 4 && Number.isFinite(tip.x + tip.y))).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  function pairs<Item>(items: readonly Item[]): [Item, Item][] {
    return items.flatMap((a, n) => items.slice(n + 1).map((b): [Item, Item] => [a, b]));
  }
  function meet(a: Rect, b: Rect): boolean {
    return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
  }
  function contains(outer: Rect, inner: Rect | undefined): boolean {
    return inner !== undefined && inner.x >= outer.x && inner.y >= outer.y && inner.x + inner.width <= outer.x + outer.width && inner.y + inner.height <= outer.y + outer.height;
  }
});
