/** What a rehearsal with faults needs to know before anything is started: everything that can be typed wrongly is refused here. */

import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fail } from '../../domain/errors.js';
import { readPlaybook } from '../../domain/plan/playbook.js';
import { stepKinds } from '../../steps/index.js';
import { specFor } from '../rehearse-spec.js';
import { startSomewhere } from '../rehearse-start.js';
import type { RehearseFaults } from './rehearse-faults.js';
import { checkWish, readWish } from './wish.js';

export interface RehearseFaultsFlags {
  readonly faults: string;
  readonly seed?: string;
  /** undefined: none was given. */
  readonly topology?: string;
  readonly from?: string;
  readonly playbookFile: string;
  readonly speed: number;
  readonly keep: boolean;
  readonly signal: AbortSignal;
}

type Prepared = Pick<RehearseFaults, 'wish' | 'seed' | 'playbookFile' | 'speed' | 'lanes' | 'start'>;

/** Nodes that a core bears, of all clusters together: a case mostly waits, for deadlines and for nodes to come back. */
const nodesPerCore = 3;
/** Each has a run of its own to make first. */
const mostLanes = 6;

/** Clusters of so many nodes that run cases at the same time. */
export function lanesFor(nodes: number, cores: number): number {
  return Math.max(1, Math.min(mostLanes, Math.floor((cores * nodesPerCore) / nodes)));
}

/** Throws usage, playbook-invalid, plan-invalid, inventory-invalid. */
export async function prepareFaults(flags: RehearseFaultsFlags): Promise<Prepared> {
  const wish = readWish(flags.faults);
  if (flags.keep) {
    fail('usage', {
      target: '--keep',
      summary: '--keep and --faults do not go together',
      cause: 'each case starts from a snapshot, and the cluster is in another state after each',
      nextAction: 'Leave one of them away.',
    });
  }
  const { steps } = readPlaybook(readFileSync(flags.playbookFile, 'utf8'), flags.playbookFile, stepKinds);
  const cluster = { topology: flags.topology ?? 'small', ...(flags.from === undefined ? {} : { from: flags.from }) };
  const place = specFor(cluster);
  const spec = await place();
  if (spec.layout === 'hard-way') {
    fail('usage', {
      target: '--topology',
      summary: '--faults are for clusters of kubeadm',
      cause: 'in a cutover the API is away on purpose, so that no case could be told from none',
      nextAction: 'Give another topology, or rehearse without --faults.',
    });
  }
  checkWish(wish, { steps: steps.map(({ name }) => name), nodes: spec.nodes.map(({ name }) => name) });
  // One after the other: free addresses are looked for when the cluster before has taken its own.
  let starting: Promise<unknown> = Promise.resolve();
  return {
    wish,
    seed: seedOf(flags.seed),
    playbookFile: flags.playbookFile,
    speed: flags.speed,
    lanes: lanesFor(spec.nodes.length, availableParallelism()),
    start() {
      const started = starting.then(
        async () => (await startSomewhere({ place, speed: flags.speed, signal: flags.signal, onPlace: () => undefined, onTaken: () => undefined })).staging,
      );
      starting = started.catch(() => undefined);
      return started;
    },
  };
}

function seedOf(text: string | undefined): string {
  if (text === undefined) return String(randomInt(1, 1_000_000));
  if (/^[\w.-]{1,64}$/.test(text)) return text;
  return fail('usage', {
    target: '--seed',
    summary: `"${text}" is no seed`,
    cause: 'it is made of letters, digits, ".", "_" and "-"',
    nextAction: 'Give a number, or the name of a commit.',
  });
}
