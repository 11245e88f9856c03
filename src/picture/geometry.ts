/** Where things lie, in px, the origin at the top left. */

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface LinePath {
  /** Points of cubic curves: the first, then three for each curve. */
  readonly curve: readonly Point[];
  /** The tip of the arrow, at the server. */
  readonly tip: Point;
  /** Middle of the label. */
  readonly label: Point;
  /** From a box to itself: its label stays where Graphviz has put it, for on the loop it would cover it. */
  readonly isLoop: boolean;
}
