/** Proves a plan on the trust graph of one cluster: which edges hold, blip or break, at each step, in every interleaving of its targets. Pure. */

import type { Inventory } from '../cluster/inventory.js';
import { outgoingOf } from './outgoing.js';
import { acceptedBy } from './accepted.js';
import { type Certificates, certificatesOf } from './certificates.js';
import type { TargetChanges } from './changes.js';
import { adviceFor, interruption } from './explain.js';
import type { Content, Edge, EdgeFinding, EdgeId, Input, InputId, PlaceChange, PlanProof, RestartNeed, StepProof, TrustGraph, Verdict } from './graph.js';
import { type Answer, type Predicate, predicate } from './predicate.js';
import { type Changed, same, type Walk, walkThrough } from './state.js';

/** A step of a plan, as the proof sees it. */
export interface ProvedStep {
  /** Its id in the plan. */
  readonly id: string;
  readonly targets: readonly TargetChanges[];
  /** Of a cutover: connections break on purpose from the step that begins it to the one that ends it. */
  readonly cutover?: 'begins' | 'ends';
}

export interface ProofParts {
  readonly graph: TrustGraph;
  readonly inventory: Inventory;
  readonly steps: readonly ProvedStep[];
  /** Unix time in ms by which certificates are judged. */
  readonly atMs: number;
  /** Edges whose break is accepted, by name or by its beginning and a star. */
  readonly accepted?: readonly EdgeId[];
  /** Certificates that the operator brings, by fingerprint: PEM. */
  readonly brought?: Readonly<Record<string, string>>;
}

/**
 * Each step's changes are applied to what is stored, and loaded by the policy of each input. Of each edge that a step touches the four
 * combinations of before and after of both ends are evaluated (enough for every interleaving, kubernetes-pki 0.6). An edge that failed
 * before is reported once, in `before`, and not again until it has held.
 */
export function provePlan(parts: ProofParts): PlanProof {
  const { graph, inventory, steps, accepted = [] } = parts;
  const certificates = certificatesOf(inventory, parts.brought);
  const verify = predicate(certificates, parts.atMs);
  const walk = walkThrough(graph, outgoingOf(inventory)?.fingerprint ?? 'outgoing', (id) => certificates.foundSpki(id));
  const prover = { graph, walk, verify, certificates, failing: new Map<EdgeId, 'break' | 'latent'>(), accepted: acceptedBy(accepted) };
  const before = standingOf(prover);
  let inCutover = false;
  const proofs: StepProof[] = [];
  for (const step of steps) {
    if (step.cutover === 'begins') inCutover = true;
    const changes = step.targets.flatMap((target) => target.changes);
    const changed = walk.apply(changes);
    const healed: EdgeId[] = [];
    const findings = findingsOf(changed, { ...prover, step: step.id, inCutover, healed });
    if (step.cutover === 'ends') {
      inCutover = false;
      // What was cut must stand again.
      const failed = [...prover.failing.keys()];
      prover.failing.clear();
      findings.push(...standingOf(prover));
      healed.push(...failed.filter((edge) => !prover.failing.has(edge)));
    }
    proofs.push({ step: step.id, changes: placesOf(changed, walk, certificates), restarts: restartsOf(changed), findings, healed });
  }
  const ends = openEnds(walk);
  const verdicts = Object.fromEntries(graph.edges.map((edge) => [edge.id, verdictNow(edge, ends, verify)]));
  return { before, steps: proofs, verdicts, policies: policiesOf(graph), unseen: graph.unseen };
}

interface Prover {
  readonly graph: TrustGraph;
  readonly walk: Walk;
  readonly verify: Predicate;
  readonly certificates: Certificates;
  /** Edges that have failed and were reported. */
  readonly failing: Map<EdgeId, 'break' | 'latent'>;
  readonly accepted: (edge: EdgeId) => boolean;
}

function standingOf(prover: Prover): EdgeFinding[] {
  const ends = openEnds(prover.walk);
  return prover.graph.edges.flatMap((edge) => standing(edge, ends, prover));
}

/** How an edge stands, without any step: reported if it does not hold. */
function standing(edge: Edge, ends: Ends, { verify, failing, accepted }: Prover): EdgeFinding[] {
  if (edge.verifies === undefined) return [];
  const [presented, verifying] = [ends(edge.presents), ends(edge.verifies)];
  const broken = verify(edge, presented.after, verifying.after);
  const late = broken ?? afterRestart(edge, presented, verifying, verify);
  if (late === undefined) return [];
  const verdict = broken === undefined ? 'latent' : 'break';
  failing.set(edge.id, verdict);
  return [{ edge: edge.id, verdict, why: late, nextAction: adviceFor(edge), ...(accepted(edge.id) ? { isAccepted: true } : {}) }];
}

function verdictNow(edge: Edge, ends: Ends, verify: Predicate): Verdict {
  if (edge.verifies === undefined) return 'unverified';
  const [presented, verifying] = [ends(edge.presents), ends(edge.verifies)];
  if (verify(edge, presented.after, verifying.after) !== undefined) return 'break';
  return afterRestart(edge, presented, verifying, verify) === undefined ? 'hold' : 'latent';
}

/** Of an edge that verifies as it is loaded: would it, were both ends started anew? Most have loaded what is stored, and need no second look. */
function afterRestart(edge: Edge, presented: End, verifying: End, verify: Predicate): Answer {
  if (presented.anew === presented.after && verifying.anew === verifying.after) return undefined;
  return verify(edge, presented.anew, verifying.anew);
}

/** What an input has loaded before and after a step, and what it would load if its process were started now. */
interface End {
  readonly before: Content;
  readonly after: Content;
  readonly anew: Content;
}

type Ends = (input: InputId) => End;

/** Each input is looked up once a step, however many edges it has: an API server has tens of thousands. */
function openEnds(walk: Walk, changed?: Changed): Ends {
  const known = new Map<InputId, End>();
  return (input) => {
    const found = known.get(input);
    if (found !== undefined) return found;
    const after = walk.loaded(input);
    const end = { before: changed?.inputs.get(input) ?? after, after, anew: walk.wouldLoad(input) };
    known.set(input, end);
    return end;
  };
}

interface AtStep extends Prover {
  readonly step: string;
  readonly inCutover: boolean;
  /** Gets the edges that hold again. */
  readonly healed: EdgeId[];
}

function findingsOf(changed: Changed, at: AtStep): EdgeFinding[] {
  const findings: EdgeFinding[] = [];
  const ends = openEnds(at.walk, changed);
  const away = openAway(changed);
  for (const edge of at.walk.edgesOf(changed.inputs.keys(), changed.restarted)) {
    const found = findingOf(edge, ends, away, at);
    if (found !== undefined) findings.push(found);
  }
  return findings;
}

function findingOf(edge: Edge, ends: Ends, away: Away, at: AtStep): EdgeFinding | undefined {
  const { verify, failing, accepted, inCutover, healed } = at;
  if (edge.verifies === undefined) return away(edge);
  const [presented, verifying] = [ends(edge.presents), ends(edge.verifies)];
  const after = verify(edge, presented.after, verifying.after);
  const wrong = after ?? firstWrong(edge, presented, verifying, verify);
  const known = failing.get(edge.id);
  const mark = accepted(edge.id) ? { isAccepted: true } : {};
  if (wrong !== undefined) {
    if (after === undefined) healed.push(edge.id);
    if (after === undefined) failing.delete(edge.id);
    else failing.set(edge.id, 'break');
    if (known === 'break') return undefined;
    const why = after === undefined ? `${wrong} (while some targets of the step are done and others are not)` : wrong;
    return { edge: edge.id, verdict: inCutover ? 'cut' : 'break', why, nextAction: adviceFor(edge), ...mark };
  }
  const late = afterRestart(edge, presented, verifying, verify);
  if (late !== undefined) {
    failing.set(edge.id, 'latent');
    return known === 'latent'
      ? undefined
      : { edge: edge.id, verdict: inCutover ? 'cut' : 'latent', why: `${late} (after the next restart; what is loaded now verifies)`, nextAction: adviceFor(edge), ...mark };
  }
  if (failing.delete(edge.id)) healed.push(edge.id);
  return away(edge);
}

/** Before a step an edge may have failed already: only what the step adds counts. */
function firstWrong(edge: Edge, presented: End, verifying: End, verify: Predicate): Answer {
  // A restart that loads what was loaded: there is one state only, and it was found to verify.
  if (presented.before === presented.after && verifying.before === verifying.after) return undefined;
  if (verify(edge, presented.before, verifying.before) !== undefined) return undefined;
  return verify(edge, presented.after, verifying.before) ?? verify(edge, presented.before, verifying.after);
}

type Away = (edge: Edge) => EdgeFinding | undefined;

/** Who is started anew interrupts all of its edges, in the same words. */
function openAway({ restarted }: Changed): Away {
  const known = new Map<string, ReturnType<typeof interruption>>();
  return (edge) => {
    const [client, server] = [restarted.has(edge.client), restarted.has(edge.server)];
    if (!client && !server) return undefined;
    const key = client && server ? `${edge.client} ${edge.server}` : client ? edge.client : edge.server;
    const found = known.get(key) ?? interruption([...(client ? [edge.client] : []), ...(server ? [edge.server] : [])]);
    known.set(key, found);
    return { edge: edge.id, verdict: 'blip', why: found.why, forMs: found.forMs };
  };
}

function placesOf(changed: Changed, walk: Walk, certificates: Certificates): PlaceChange[] {
  const names = (content: Content): string[] => content.map((id) => certificates.name(id));
  return [...changed.places].flatMap(([place, before]): PlaceChange[] => {
    const after = walk.stored(place);
    if (same(before, after)) return [];
    return [{ place, sign: before.length === 0 ? '+' : after.length === 0 ? '-' : '~', before: names(before), after: names(after), content: after }];
  });
}

/** Who must be started anew to load what has changed, from what each reads once; and whom the step starts. */
function restartsOf({ restarted, refreshed, behind }: Changed): RestartNeed[] {
  const started = [...restarted].map((process): RestartNeed => {
    const inputs = refreshed.get(process) ?? [];
    return { process, because: inputs.length === 0 ? '' : readsOnce(inputs), done: true, needed: inputs.length > 0 };
  });
  const left = [...behind].map(([process, inputs]): RestartNeed => ({ process, because: readsOnce(inputs), done: false, needed: true }));
  return [...started, ...left];
}

function readsOnce(inputs: readonly Input[]): string {
  return `it reads ${[...new Set(inputs.map(({ place }) => place))].join(', ')} once`;
}

function policiesOf({ inputs }: TrustGraph): PlanProof['policies'] {
  return { proved: inputs.filter(({ proved }) => proved === true).length, modelled: inputs.flatMap(({ id, proved }) => (proved === false ? [id] : [])) };
}
