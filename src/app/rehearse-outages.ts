/** How long places did not serve, put together from single questions: where the API is away on purpose, that is measured and not counted as a fault. */

import type { Plan } from '../domain/plan/plan.js';
import type { StepKinds } from '../ports/step-kind.js';
import { stepKinds } from '../steps/index.js';

/** A time in which a place did not serve. */
export interface Outage {
  readonly place: string;
  /** `away`: nobody answered, or a server without its etcd; `unserved`: this client was not served, for whatever reason: `away` is a part of it. */
  readonly kind: 'away' | 'unserved';
  readonly fromMs: number;
  /** undefined: it goes on. */
  readonly untilMs: number | undefined;
}

export interface Seen {
  /** When it was asked, and when that had its answer. */
  readonly atMs: number;
  readonly nowMs: number;
  readonly served: boolean;
  readonly answered: boolean;
}

export interface OutageFollower {
  seen(place: string, what: Seen): void;
  all(): readonly Outage[];
}

export function followOutages(): OutageFollower {
  const outages: { place: string; kind: Outage['kind']; fromMs: number; untilMs: number | undefined }[] = [];

  function follow(place: string, kind: Outage['kind'], isWell: boolean, { atMs, nowMs }: Seen): void {
    const last = outages.findLast((one) => one.place === place && one.kind === kind);
    if (!isWell) {
      // Questions overlap: one that was asked before the place was back says nothing of the time since.
      if (last === undefined || (last.untilMs !== undefined && last.untilMs <= atMs)) outages.push({ place, kind, fromMs: atMs, untilMs: undefined });
    } else if (last !== undefined && last.untilMs === undefined && atMs >= last.fromMs) last.untilMs = nowMs;
  }

  return {
    seen(place, what) {
      follow(place, 'unserved', what.served, what);
      follow(place, 'away', what.answered, what);
    },
    all: () => outages,
  };
}

/** Was it a server that answered, if only to refuse, or one that showed a certificate of another CA? An API server without its etcd answers with 500 and the like. */
export function isAnswered(reason: string): boolean {
  const [, status] = /^HTTP (\d+)/.exec(reason) ?? [];
  if (status !== undefined) return Number(status) < 500;
  return /certificate|CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(reason);
}

/** The longest time of each kind at a place, ms. `nowMs` ends what goes on. */
export function longest(outages: readonly Outage[], place: string, nowMs: number): Readonly<Record<Outage['kind'], number>> {
  const of = (kind: Outage['kind']): number =>
    Math.max(0, ...outages.filter((one) => one.place === place && one.kind === kind).map(({ fromMs, untilMs = nowMs }) => untilMs - fromMs));
  return { away: of('away'), unserved: of('unserved') };
}

/** Has the plan a step that takes the API away on purpose? Then clients are not served for a while, and both kinds of client never at once. */
export function isCutover(plan: Pick<Plan, 'steps'>, kinds: StepKinds = stepKinds): boolean {
  return plan.steps.some(({ kind: name, params }) => {
    const kind = kinds.get(name);
    const read = kind?.takesApiAway === undefined ? undefined : kind.params.safeParse(params);
    return read?.success === true && kind?.takesApiAway?.(read.data).includes('forward') === true;
  });
}
