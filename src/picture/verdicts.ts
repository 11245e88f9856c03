/** How a verdict looks: a colour that the colour-blind can tell apart (Okabe and Ito's palette), and always a second sign beside it. */

import type { Verdict } from '../domain/trust/graph.js';
import type { CaGeneration, Leg } from './picture.js';

export interface VerdictSign {
  readonly word: string;
  readonly symbol: string;
  readonly means: string;
  /** Colour on white, and on black. */
  readonly light: string;
  readonly dark: string;
  readonly width: number;
  /** As stroke-dasharray; empty: solid. */
  readonly dash: string;
}

/** From the least to the worst. */
export const verdictSigns: Readonly<Record<Verdict, VerdictSign>> = {
  unverified: { word: 'unverified', symbol: '○', means: 'nobody verifies', light: '#6b7280', dark: '#9ca3af', width: 1.2, dash: '1 4' },
  hold: { word: 'holds', symbol: '✓', means: 'verifies now, and after a restart', light: '#4b5563', dark: '#cbd5e1', width: 1.4, dash: '' },
  blip: { word: 'blips', symbol: '~', means: 'interrupted for a moment, comes back by itself', light: '#0072b2', dark: '#56b4e9', width: 2.4, dash: '8 4' },
  latent: { word: 'latent', symbol: '!', means: 'holds now, breaks at the next restart', light: '#b45f00', dark: '#e69f00', width: 2.8, dash: '12 3 2 3' },
  cut: { word: 'cut', symbol: '/', means: 'broken on purpose, inside a cutover', light: '#a03d78', dark: '#e39bc4', width: 2.8, dash: '3 3' },
  break: { word: 'breaks', symbol: '×', means: 'fails, and does not come back by itself', light: '#c62d00', dark: '#ff7a45', width: 4.2, dash: '' },
};

export const verdictsByWeight = Object.keys(verdictSigns) as readonly Verdict[];

export function worse(a: Verdict, b: Verdict): Verdict {
  return verdictsByWeight.indexOf(a) >= verdictsByWeight.indexOf(b) ? a : b;
}

export interface GenerationSign {
  readonly word: string;
  readonly symbol: string;
  readonly light: string;
  readonly dark: string;
}

export const generationSigns: Readonly<Record<CaGeneration, GenerationSign>> = {
  outgoing: { word: 'outgoing', symbol: '●', light: '#b45f00', dark: '#e69f00' },
  incoming: { word: 'incoming', symbol: '◆', light: '#00664b', dark: '#2fc79a' },
  other: { word: 'other', symbol: '■', light: '#6b7280', dark: '#9ca3af' },
};

export const legSigns: Readonly<Record<Leg, { readonly letter: string; readonly means: string }>> = {
  server: { letter: 'S', means: "the server's certificate, verified by the client" },
  client: { letter: 'C', means: "the client's certificate, verified by the server" },
  token: { letter: 'T', means: 'a token, verified by the server' },
};
