/** Where everything lies: Graphviz computes it, from sizes and numbers alone. No name ever reaches it. */

import type { Edge as VizEdge, Graph, Subgraph } from '@viz-js/viz';
import type { LinePath, Point, Rect } from './geometry.js';
import { fontSizes, measureBox, measureLabel } from './measures.js';
import { placeLabels } from './place-labels.js';
import type { Picture } from './picture.js';
import { textWidth } from './text-size.js';

/** In px, the origin at the top left. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly frames: ReadonlyMap<string, Rect>;
  readonly boxes: ReadonlyMap<string, Rect>;
  readonly lines: ReadonlyMap<string, LinePath>;
}

/** Graphviz counts in points of 1/72 inch; sizes of nodes are in inches. */
const inch = 72;

/** Graphviz is loaded when the first picture is laid out: 1.2 MB that nothing else needs. */
export async function layOut(picture: Picture): Promise<Layout> {
  const { instance } = await import('@viz-js/viz');
  const viz = await instance();
  return readLayout(picture, viz.renderJSON(graphOf(picture), { yInvert: true }) as Drawn);
}

function graphOf(picture: Picture): Graph {
  const room = (width: number, height: number) => ({
    html: `<TABLE BORDER="0" CELLPADDING="0" CELLSPACING="0" FIXEDSIZE="TRUE" WIDTH="${Math.ceil(width)}" HEIGHT="${height}"><TR><TD></TD></TR></TABLE>`,
  });
  const node = (id: string) => ({ name: id });
  const subgraphs = picture.frames
    .filter(({ title }) => title !== '')
    .map(
      ({ id, title }): Subgraph => ({
        name: `cluster_${id}`,
        graphAttributes: { label: room(textWidth(title, fontSizes.frame) * 1.1, 16), labeljust: 'l', margin: 14 },
        nodes: picture.boxes.filter(({ frame }) => frame === id).map((box) => node(box.id)),
      }),
    );
  return {
    graphAttributes: { rankdir: 'LR', nodesep: 0.3, ranksep: 0.7, pad: 0.1, splines: 'true', newrank: true, compound: false },
    nodes: picture.boxes.map((box) => {
      const { width, height } = measureBox(box, picture);
      return { name: box.id, attributes: { shape: 'box', fixedsize: true, width: width / inch, height: height / inch, label: '' } };
    }),
    edges: picture.lines.map((line): VizEdge => {
      const { width, height } = measureLabel(line, picture);
      return { tail: line.from, head: line.to, attributes: { id: line.id, label: room(width + 6, height + 4) } };
    }),
    subgraphs,
  };
}

/** Of Graphviz' JSON: what is read here. */
interface Drawn {
  readonly bb: string;
  readonly objects?: readonly { readonly name: string; readonly bb?: string; readonly pos?: string; readonly width?: string; readonly height?: string }[];
  readonly edges?: readonly { readonly id: string; readonly pos?: string; readonly lp?: string }[];
}

function readLayout(picture: Picture, drawn: Drawn): Layout {
  const objects = new Map((drawn.objects ?? []).map((object) => [object.name, object]));
  const edges = new Map((drawn.edges ?? []).map((edge) => [edge.id, edge]));
  const whole = rectOf(drawn.bb);
  const boxes = new Map(
    picture.boxes.map(({ id }) => {
      const { pos, width, height } = objects.get(id) ?? {};
      const middle = pointOf(pos);
      const [w, h] = [Number(width ?? 0) * inch, Number(height ?? 0) * inch];
      return [id, { x: middle.x - w / 2, y: middle.y - h / 2, width: w, height: h }];
    }),
  );
  return {
    width: Math.ceil(whole.width),
    height: Math.ceil(whole.height),
    frames: new Map(picture.frames.flatMap(({ id }) => (objects.has(`cluster_${id}`) ? [[id, rectOf(objects.get(`cluster_${id}`)?.bb)] as const] : []))),
    boxes,
    lines: placeLabels(
      new Map(picture.lines.map(({ id, from, to }) => [id, { ...pathOf(edges.get(id)), isLoop: from === to }])),
      new Map(picture.lines.map((line) => [line.id, measureLabel(line, picture)])),
      [...boxes.values()],
    ),
  };
}

/** `e,X,Y X,Y X,Y ...`: the tip, then the points of the curve. */
function pathOf(edge: { readonly pos?: string; readonly lp?: string } | undefined): Omit<LinePath, 'isLoop'> {
  const parts = (edge?.pos ?? '').split(/[\s;]+/).filter((part) => part !== '');
  const curve = parts.filter((part) => /^[\d.-]/.test(part)).map(pointOf);
  const end = parts.find((part) => part.startsWith('e,'));
  const last = curve.at(-1) ?? { x: 0, y: 0 };
  return { curve, tip: end === undefined ? last : pointOf(end.slice(2)), label: edge?.lp === undefined ? last : pointOf(edge.lp) };
}

function pointOf(text = '0,0'): Point {
  const [x = 0, y = 0] = text.split(',').map(Number);
  return { x, y };
}

/** Two corners; which of them is above depends on the direction in which y grows. */
function rectOf(text = '0,0,0,0'): Rect {
  const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = text.split(',').map(Number);
  return { x: Math.min(x1, x2), y: Math.min(y1, y2), width: Math.abs(x2 - x1), height: Math.abs(y2 - y1) };
}
