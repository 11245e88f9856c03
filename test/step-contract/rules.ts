/**
 * The contract of step kinds as one walk over a target: from just before its step to just after it, through every rule that can be seen on one target.
 * Rule 5 is asked of whole steps (trust-seen.ts); the engine's share of rule 9 is in test/run-crash.test.ts.
 */

import { failuresOf } from '../../src/domain/errors.js';
import { findSecretIn } from '../../src/domain/redact.js';
import type { Checkpoint } from '../../src/ports/checkpoints.js';
import type { AnyStepKind, Site } from '../../src/ports/step-kind.js';
import type { Allowance } from './allowed.js';
import type { Bench, Places, SiteWish } from './bench.js';
import { Dead, type End, type Life, newLife } from './life.js';
import { differences } from './places.js';

export interface Finding {
  readonly rule: number;
  readonly what: string;
}

export interface Contract {
  readonly kind: AnyStepKind;
  /** As in a playbook. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly bench: Bench;
  readonly allowance?: Allowance;
  /** After how many of `of` changes the process dies or is told to stop: some of 1 to `of`, in the order in which they are tried. */
  killPoints(of: number, purpose: string): readonly number[];
  /** How soon every method must end once the signal is raised. Default 5,000. */
  readonly soonMs?: number;
}

/** A verify before its step waits for what cannot come: it is told to end. */
const briefMs = 400;
const names = ['absent', 'partial', 'present'];

type Act = (site: Site) => Promise<unknown>;

/** Ends with the step applied and proved. Throws what is no expected failure: then nothing is known of the target. */
export async function checkContract(contract: Contract): Promise<Finding[]> {
  const { kind, bench, allowance = {}, soonMs = 5_000 } = contract;
  const params: unknown = kind.params.parse(contract.params);
  const findings: Finding[] = [];
  const told: string[] = [];
  const find = (rule: number, what: string): void => void findings.push({ rule, what });

  const siteWith = (wish: Partial<SiteWish> = {}): Site =>
    bench.site({ signal: new AbortController().signal, told: (message) => void told.push(message), life: newLife(), ...wish });
  const inLife = (life: Life): Site => siteWith({ life });
  const apply: Act = (site) => kind.apply(site, params);
  const undoWith =
    (checkpoint: Checkpoint): Act =>
    (site) =>
      kind.undo(site, params, checkpoint);
  const readings: Readonly<Record<string, Act>> = {
    preflight: (site) => kind.preflight(site, params),
    checkpoint: (site) => kind.checkpoint(site, params),
    inspect: (site) => kind.inspect(site, params),
    verify: (site) => kind.verify(site, params),
  };

  /** What it returned, or the failures that it threw. */
  async function answerOf(act: Act, wish: Partial<SiteWish> = {}): Promise<unknown> {
    let answer: unknown;
    try {
      answer = await act(siteWith(wish));
    } catch (error) {
      if (error instanceof Dead) return undefined;
      answer = failuresOf(error);
      if (answer === undefined) throw error;
    }
    return answer;
  }

  async function quietly(what: string, act: Act, wish: Partial<SiteWish> = {}): Promise<unknown> {
    const answer = await answerOf(act, wish);
    // A checkpoint holds keys: it is in memory, and encrypted.
    const secret = what === 'checkpoint' ? undefined : findSecretIn(answer);
    if (secret !== undefined) find(7, `${what} returns a ${secret.kind} at ${secret.pointer}`);
    return answer;
  }

  /** Must succeed, as the engine goes on: what still fails at last is a finding, and the walk goes on as far as it can. */
  async function must(rule: number, what: string, act: Act): Promise<void> {
    const answer = await persistently(what, act);
    if (Array.isArray(answer) && answer.length > 0) find(rule, `${what}: ${inWords(answer)}`);
  }

  const persistently = (what: string, act: Act): Promise<unknown> => quietly(what, (site) => bench.tried(() => act(site)));

  async function sameAs(rule: number, wanted: Places, when: string, mayDiffer?: RegExp): Promise<void> {
    const until = performance.now() + bench.patienceMs;
    for (;;) {
      const different = await look(wanted, mayDiffer);
      if (different.length === 0) return;
      if (performance.now() >= until) return find(rule, `${when}: ${different.slice(0, 4).join('; ')}${different.length > 4 ? ` and ${different.length - 4} more` : ''}`);
      await bench.pause();
    }
  }

  /** An API that is just restarting cannot be read: not yet. */
  async function look(wanted: Places, mayDiffer?: RegExp): Promise<string[]> {
    try {
      return differences(wanted, await bench.snapshot()).filter((difference) => mayDiffer?.test(difference) !== true);
    } catch (error) {
      const failures = failuresOf(error);
      if (failures === undefined) throw error;
      return [inWords(failures)];
    }
  }

  const snapshot = (): Promise<Places> => bench.tried(() => bench.snapshot());
  const checkpointed = (life = newLife()): Promise<Checkpoint> => bench.tried(() => kind.checkpoint(inLife(life), params));
  const keep = async (): Promise<Checkpoint> => bench.keep(await checkpointed());

  async function named(when: string): Promise<unknown> {
    const found = await persistently('inspect', readings.inspect as Act);
    if (!names.includes(String(found))) find(6, `${when}, inspect says ${inWords(found)}`);
    return found;
  }

  /** Rule 6, for a signal that is raised before, or in the middle. */
  async function endsSoon(what: string, act: Act, wish: Partial<SiteWish>, raisedAt: () => number): Promise<void> {
    await quietly(what, act, wish);
    const took = bench.now() - raisedAt();
    if (took > soonMs) find(6, `${what} ends ${Math.round(took)} ms after its signal was raised`);
  }

  async function before(start: Places): Promise<void> {
    const reading = newLife();
    await must(2, 'preflight', () => kind.preflight(inLife(reading), params));
    await bench.tried(() => kind.inspect(inLife(reading), params));
    const first = await checkpointed(reading);
    if (reading.changes > 0) find(4, 'preflight, inspect or checkpoint use a port to change something');
    if (!(await isTakenTwice(first))) find(9, 'two checkpoints of the same target differ');
    if (JSON.stringify(JSON.parse(JSON.stringify(first))) !== JSON.stringify(first)) find(9, 'the checkpoint is no plain JSON');
    const found = await named('before');
    if (allowance.isSeen === undefined && found !== 'absent') find(2, `before, inspect says ${inWords(found)}`);
    await quietly('verify', readings.verify as Act, { signal: AbortSignal.timeout(briefMs), deadlineMs: briefMs });
    await sameAs(4, start, 'after preflight, checkpoint, inspect and verify');
  }

  /** An object that is in a checkpoint may just then be written by a controller: two that follow each other are alike, soon. */
  async function isTakenTwice(first: Checkpoint): Promise<boolean> {
    const until = performance.now() + bench.patienceMs;
    for (let last = JSON.stringify(first); ; await bench.pause()) {
      const next = JSON.stringify(await checkpointed());
      if (next === last) return true;
      if (performance.now() >= until) return false;
      last = next;
    }
  }

  async function aborted(start: Places): Promise<void> {
    const checkpoint = await keep();
    const signal = AbortSignal.abort();
    for (const [what, act] of Object.entries({ ...readings, apply, undo: undoWith(checkpoint) })) {
      const at = bench.now();
      await endsSoon(what, act, { signal }, () => at);
    }
    await named('after an aborted signal');
    // What a kind did before it looked at the signal is taken back.
    if ((await look(start)).length === 0) return;
    await must(3, 'undo after an aborted signal', undoWith(checkpoint));
    await sameAs(6, start, 'after an aborted signal, and undo');
    bench.nextAttempt();
  }

  /** Rules 1, 2, 3 and 4 with nothing in the way. Returns the target as applied, and how many changes apply and undo took. */
  async function whole(start: Places): Promise<{ applied: Places; changes: number; undoChanges: number }> {
    const checkpoint = await keep();
    const life = newLife();
    await must(2, 'apply', () => apply(inLife(life)));
    await must(2, 'verify', readings.verify as Act);
    const found = await named('after apply');
    if (allowance.isSeen?.as !== 'never' && found !== 'present') find(2, `after apply, inspect says ${inWords(found)}`);
    const applied = await settled();
    for (const [what, act] of Object.entries(readings)) await quietly(what, act);
    await sameAs(4, applied, 'applied, after preflight, checkpoint, inspect and verify');
    await must(1, 'apply again', apply);
    await sameAs(1, applied, 'after a second apply');
    if (kind.pointOfNoReturn === true) return { applied, changes: life.changes, undoChanges: 0 };
    const undoing = newLife();
    await must(3, 'undo', () => undoWith(checkpoint)(inLife(undoing)));
    await sameAs(3, start, 'after undo', allowance.stays?.places);
    await must(3, 'undo again', undoWith(checkpoint));
    await sameAs(3, start, 'after a second undo', allowance.stays?.places);
    bench.nextAttempt();
    return { applied, changes: life.changes, undoChanges: undoing.changes };
  }

  /** Until two looks agree: what follows by itself has followed. */
  async function settled(): Promise<Places> {
    const until = performance.now() + bench.patienceMs;
    let last = await snapshot();
    while (bench.patienceMs > 0 && performance.now() < until) {
      await bench.pause();
      const now = await snapshot();
      if (differences(last, now).length === 0) return now;
      last = now;
    }
    return last;
  }

  async function die(what: string, act: Act, end: End): Promise<void> {
    const life = newLife(end);
    const answer = await persistently(what, () => act(inLife(life)));
    if (!life.isOver && Array.isArray(answer) && answer.length > 0) find(3, `${what}: ${inWords(answer)}`);
  }

  async function halves(start: Places, changes: { apply: number; undo: number }): Promise<void> {
    for (const diesAfter of contract.killPoints(changes.apply, 'apply')) {
      const checkpoint = await keep();
      await die('half an apply', apply, { diesAfter });
      await named(`dead after ${diesAfter} of ${changes.apply} changes`);
      const [undoDiesAfter] = contract.killPoints(changes.undo, 'undo');
      if (undoDiesAfter !== undefined) await die('half an undo', undoWith(checkpoint), { diesAfter: undoDiesAfter });
      const when = `after ${diesAfter} of ${changes.apply} changes of apply and ${undoDiesAfter ?? 0} of ${changes.undo} of undo`;
      await must(3, `undo ${when}`, undoWith(checkpoint));
      await sameAs(3, start, `undone ${when}`, allowance.stays?.places);
      bench.nextAttempt();
    }
  }

  /** Told to stop in the middle, then gone on with: the step stays. */
  async function forGood(applied: Places, changes: number): Promise<void> {
    await keep();
    const [raisesAfter] = contract.killPoints(changes, 'signal');
    if (raisesAfter !== undefined) {
      const stop = new AbortController();
      let raisedAt = Number.POSITIVE_INFINITY;
      const raise = (): void => {
        raisedAt = bench.now();
        stop.abort();
      };
      await endsSoon('apply', apply, { signal: stop.signal, life: newLife({ raisesAfter, raise }) }, () => raisedAt);
    }
    const [diesAfter] = contract.killPoints(changes, 'again');
    if (diesAfter !== undefined) await die('half an apply', apply, { diesAfter });
    // As the engine goes on: what is there is not done again.
    const found = await named(`told to stop after ${raisesAfter ?? 0} of ${changes} changes, then dead after ${diesAfter ?? 0} more`);
    if (found !== 'present') await must(3, 'apply after half of it', apply);
    await must(3, 'verify after half an apply', readings.verify as Act);
    const [wanted, now] = [Object.keys(applied), Object.keys(await snapshot())];
    const isKnown = (place: string): boolean => renamed.test(place) || allowance.comesBack?.places.test(place) === true;
    const missing = wanted.filter((place) => !now.includes(place) && !isKnown(place));
    const more = now.filter((place) => !wanted.includes(place) && !isKnown(place));
    if (missing.length + more.length > 0) find(3, `apply after half of it ends elsewhere: without ${missing.join(', ') || 'nothing'}, with ${more.join(', ') || 'nothing else'}`);
  }

  if (kind.params.safeParse({ ...contract.params, 'no-such-parameter': 1 }).success) find(8, 'it takes a parameter that it does not know');
  const start = await settled();
  await before(start);
  await aborted(start);
  const { applied, changes, undoChanges } = await whole(start);
  if (kind.pointOfNoReturn !== true) {
    await halves(start, { apply: changes, undo: undoChanges });
    await forGood(applied, changes);
  }
  const secret = findSecretIn(told);
  if (secret !== undefined) find(7, `it tells a ${secret.kind}`);
  return findings;
}

/** A kubelet's client certificate is named after the second of its issue. */
const renamed = /kubelet-client-\d/;

function inWords(answer: unknown): string {
  if (!Array.isArray(answer)) return String(answer);
  return answer
    .map((one: { code?: string; target?: string; summary?: string; cause?: string }) => `${one.code ?? ''} ${one.target ?? ''}: ${one.summary ?? String(one)} (${one.cause ?? ''})`)
    .join('; ');
}
