/** The words and signs of boxes and lines, the same in every format. */

import type { Box, BoxView, Ca, LegView, Line, LineView, Mark, Moment } from './picture.js';
import { generationSigns, legSigns, verdictSigns, verdictsByWeight } from './verdicts.js';

/** More CAs that are not of the rotation than these are counted and not named. */
const mostOthers = 2;

/** `kube-apiserver ×3`. */
export function boxTitle({ title, processes }: Box): string {
  return processes.length === 1 ? title : `${title} ×${processes.length}`;
}

export interface MarkWords {
  readonly generation: Ca['generation'];
  readonly text: string;
}

/** `● outgoing`, `◆ incoming 2/3`, `■ etcd-ca`. */
export function markWords(marks: readonly Mark[], of: number): MarkWords[] {
  const others = marks.filter(({ ca }) => ca.generation === 'other');
  const many = others.length > mostOthers;
  const shown = many ? marks.filter(({ ca }) => ca.generation !== 'other') : marks;
  const words = shown.map(({ ca, processes }): MarkWords => {
    const { symbol, word } = generationSigns[ca.generation];
    return { generation: ca.generation, text: `${symbol} ${ca.generation === 'other' ? ca.name : word}${processes === of ? '' : ` ${processes}/${of}`}` };
  });
  return many ? [...words, { generation: 'other', text: `${generationSigns.other.symbol} ${others.length} others` }] : words;
}

/** What happens to a box in a step. */
export function badges({ restarts, behind }: BoxView, of: number): string[] {
  const share = (n: number): string => (n === of ? '' : `${n}/${of} `);
  return [...(restarts === 0 ? [] : [`↻ ${share(restarts)}start anew`]), ...(behind === 0 ? [] : [`! ${share(behind)}loaded is behind`])];
}

/** `S ✓`, `C × 3/15`. */
export function legWords({ leg, verdict, edges, of }: LegView): string {
  return `${legSigns[leg].letter}${verdictSigns[verdict].symbol}${edges === of ? '' : ` ${edges}/${of}`}`;
}

/** `E13 ×15`. */
export function lineTitle({ class: edgeClass, connections }: Line): string {
  return connections === 1 ? edgeClass : `${edgeClass} ×${connections}`;
}

export function lineWords(line: Line, view: LineView): string {
  return [lineTitle(line), ...view.legs.map(legWords)].join('  ');
}

/** What each class of edges is. Source: docs/graph.md has the same table. */
export const classWords: Readonly<Record<string, string>> = {
  E1: 'API server to etcd',
  E2: 'etcd to its peers',
  E3: "etcd's gateway to itself",
  E4: 'etcdctl and jobs to etcd',
  E5: 'controller-manager to API server',
  E6: 'scheduler to API server',
  E7: 'kubelet to API server',
  E8: 'joining kubelet to API server',
  E9: 'kubeconfigs to API server',
  E10: 'kube-proxy to API server',
  E11: 'pods to API server',
  E12: 'network plugin to API server',
  E13: 'API server to kubelet',
  E14: 'metrics to kubelet',
  E15: 'API server to aggregated API',
  E16: 'aggregated API to API server',
  E17: 'API server to webhook',
  E18: 'API server to authentication webhook',
  E19: 'API server to OIDC issuer',
  E20: 'metrics to controller-manager and scheduler',
  E21: 'API server to konnectivity',
  E22: 'konnectivity agent to server',
  E23: 'API server to its peers',
  E24: 'API server to itself',
  E25: 'kubeadm join to API server',
  E26: 'health check of a load balancer',
  E27: 'rotate-ca to API server',
  K1: 'tokens in Secrets',
  K2: 'bound tokens of pods',
  K3: 'tokens shown to others',
  K4: 'tokens of an external signer',
  K5: 'bootstrap tokens',
  K6: "controller-manager's own tokens",
  S1: 'what the signer signs',
};

/** `201 hold, 3 break`: the worst first. */
export function countsOf({ totals }: Moment): string {
  return verdictsByWeight
    .toReversed()
    .flatMap((verdict) => ((totals.get(verdict) ?? 0) === 0 ? [] : [`${totals.get(verdict)} ${verdictSigns[verdict].word.replace(/s$/, '')}`]))
    .join(', ');
}
