/** One behaviour of a real cluster as a test that both worlds pass, and the way it is run: what it changed is always put back. */

import type { World } from './world.js';

export type Observed = string | number | boolean | null | readonly Observed[] | { readonly [field: string]: Observed };

export type Area = 'API server' | 'kubelet' | 'requests and signer' | 'controllers' | 'service accounts' | 'static pods' | 'etcd' | 'workloads' | 'SSH' | 'Vault';

export interface Behaviour {
  readonly id: string;
  /** Section of the reference, or what of src relies on it. */
  readonly rule: string;
  readonly title: string;
  readonly area: Area;
  readonly disturbs: 'nothing' | 'restores-itself';
  /** Takes a minute or more of a real cluster: on the lab only with `--all`. */
  readonly slow?: true;
  /** What the rule says. */
  readonly expected: Observed;
  run(world: World, undo: Undo): Promise<Observed>;
}

/** What has to be put back, the last change first. */
export class Undo {
  readonly #steps: { readonly what: string; readonly work: () => Promise<void> }[] = [];

  add(what: string, work: () => Promise<void>): void {
    this.#steps.push({ what, work });
  }

  /** Does all of it even if some of it fails; throws what failed. */
  async all(): Promise<void> {
    const failed: string[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.work();
      } catch (error) {
        failed.push(`${step.what}: ${reasonOf(error)}`);
      }
    }
    if (failed.length > 0) throw new Error(`not put back: ${failed.join('; ')}`);
  }
}

export interface Outcome {
  readonly behaviour: Behaviour;
  /** What was seen; `error` if it could not be seen. */
  readonly observed: Observed;
  readonly seconds: number;
  /** What could not be put back. */
  readonly leftBehind?: string;
}

/** Never throws: what went wrong is what was observed. */
export async function observe(behaviour: Behaviour, world: World): Promise<Outcome> {
  const undo = new Undo();
  const started = performance.now();
  let observed: Observed;
  try {
    observed = await behaviour.run(world, undo);
  } catch (error) {
    observed = { error: reasonOf(error) };
  }
  let leftBehind: string | undefined;
  try {
    await undo.all();
  } catch (error) {
    leftBehind = reasonOf(error);
  }
  return { behaviour, observed, seconds: (performance.now() - started) / 1000, ...(leftBehind === undefined ? {} : { leftBehind }) };
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
