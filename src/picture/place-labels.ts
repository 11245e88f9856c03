/** Puts the label of each line onto the line, where it covers no box and no other label. */

import type { LinePath, Point, Rect } from './geometry.js';

export interface LabelSize {
  readonly width: number;
  readonly height: number;
}

/** Where along a line a label may be, the best first; its arrow stays free. */
const along = [0.5, 0.44, 0.56, 0.38, 0.62, 0.32, 0.68, 0.26, 0.74, 0.2, 0.8, 0.15, 0.85, 0.1, 0.9];
/** Where two lines run close together, one label may sit a little above its line and the other below. */
const beside = [0, -8, 8, -14, 14];
const gap = 2;

/** Lines in their order; short lines first choose among few places, so they come first. */
export function placeLabels(lines: ReadonlyMap<string, LinePath>, sizes: ReadonlyMap<string, LabelSize>, boxes: readonly Rect[]): Map<string, LinePath> {
  const taken: Rect[] = [];
  const placed = new Map<string, LinePath>();
  const byLength = [...lines].map(([id, path]) => ({ id, path, length: lengthOf(path.curve) })).sort((a, b) => a.length - b.length);
  for (const { id, path } of byLength) {
    if (path.isLoop) {
      placed.set(id, path);
      taken.push(around(path.label, sizes.get(id) ?? { width: 0, height: 0 }));
      continue;
    }
    const size = sizes.get(id) ?? { width: 0, height: 0 };
    const spots = beside.flatMap((down) => along.map((part) => ({ ...shifted(pointAt(path.curve, part), down), price: Math.abs(down) })));
    const costs = spots.map((spot) => spot.price + costOf(around(spot, size), taken, boxes));
    const { x, y } = spots[costs.indexOf(Math.min(...costs))] ?? path.label;
    const label = { x, y };
    taken.push(around(label, size));
    placed.set(id, { ...path, label });
  }
  return placed;
}

function shifted({ x, y }: Point, down: number): Point {
  return { x, y: y + down };
}

/** Area that is covered: of other labels it counts more, for two of them on each other cannot be read. */
function costOf(rect: Rect, labels: readonly Rect[], boxes: readonly Rect[]): number {
  return labels.reduce((sum, one) => sum + 4 * overlap(rect, one), 0) + boxes.reduce((sum, one) => sum + overlap(rect, one), 0);
}

function around({ x, y }: Point, { width, height }: LabelSize): Rect {
  return { x: x - width / 2 - gap, y: y - height / 2 - gap, width: width + 2 * gap, height: height + 2 * gap };
}

function overlap(a: Rect, b: Rect): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

/** At a part of the whole length, 0 to 1. */
function pointAt(curve: readonly Point[], part: number): Point {
  const points = polyline(curve);
  let rest = part * lengthOf(curve);
  for (const [n, to] of points.entries()) {
    const from = points[n - 1];
    if (from === undefined) continue;
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    if (rest <= length && length > 0) return { x: from.x + ((to.x - from.x) * rest) / length, y: from.y + ((to.y - from.y) * rest) / length };
    rest -= length;
  }
  return points.at(-1) ?? { x: 0, y: 0 };
}

function lengthOf(curve: readonly Point[]): number {
  return polyline(curve).reduce((sum, point, n, all) => sum + Math.hypot(point.x - (all[n - 1] ?? point).x, point.y - (all[n - 1] ?? point).y), 0);
}

/** Cubic curves as short straight pieces. */
function polyline(curve: readonly Point[]): Point[] {
  const [first] = curve;
  if (first === undefined) return [];
  const points = [first];
  for (let n = 1; n + 2 < curve.length; n += 3) {
    const [p0, p1, p2, p3] = [curve[n - 1], curve[n], curve[n + 1], curve[n + 2]];
    if (p0 === undefined || p1 === undefined || p2 === undefined || p3 === undefined) break;
    for (let step = 1; step <= 12; step++) {
      const t = step / 12;
      const u = 1 - t;
      const mix = (a: number, b: number, c: number, d: number): number => u * u * u * a + 3 * u * u * t * b + 3 * u * t * t * c + t * t * t * d;
      points.push({ x: mix(p0.x, p1.x, p2.x, p3.x), y: mix(p0.y, p1.y, p2.y, p3.y) });
    }
  }
  return points;
}
