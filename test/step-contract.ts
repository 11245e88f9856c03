/** The contract of every step kind, over any world that implements the ports: `describeStepKind` registers its tests. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failuresOf } from '../src/domain/errors.js';
import { findSecretIn } from '../src/domain/redact.js';
import type { TrustEffect } from '../src/domain/trust/effects.js';
import type { Checkpoint } from '../src/ports/checkpoints.js';
import type { Site, StepKind } from '../src/ports/step-kind.js';

/** One target with its surroundings, on which a kind works. */
export interface ContractWorld {
  /** A site of the target; what it tells goes to `told`. */
  site(options: { readonly signal: AbortSignal; readonly told: (message: string) => void }): Site;
  /** All that the kind could change, by place, so that equal text means byte for byte equal: bytes, mode, owner, objects. Without what changes by itself. */
  snapshot(): Promise<Readonly<Record<string, string>>>;
  /** From now on the process is dead after so many further changes: every port throws. `revive` ends that. */
  killAfter(changes: number): void;
  revive(): void;
  /** What the kind has done to trust, as seen from outside: rule 5. Without it the rule is not checked. */
  observedEffects?(): Promise<readonly TrustEffect[]>;
  close(): Promise<void>;
}

export interface ContractOptions<P> {
  /** As in a playbook. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly world: () => Promise<ContractWorld>;
  /** Kill points that are tried; the world is made anew for each. Default 12. */
  readonly mostKillPoints?: number;
  /** How soon every method must end once the signal is raised. Default 5,000. */
  readonly soonMs?: number;
  /** False for kinds whose `apply` cannot be seen on the target (a check, a restart). Default true. */
  readonly isSeenByInspect?: boolean;
  readonly kind: StepKind<P>;
}

/** Registers the tests of rules 1 to 9 for one kind. The engine's share of rule 9 is in test/run-crash.test.ts. */
export function describeStepKind<P>(options: ContractOptions<P>): void {
  const { kind, mostKillPoints = 12, soonMs = 5_000, isSeenByInspect = true } = options;
  const params = kind.params.parse(options.params);
  const live = new AbortController().signal;

  describe(`contract of the step kind ${kind.name}`, () => {
    let world: ContractWorld;
    let told: string[] = [];
    const site = (signal = live): Site => world.site({ signal, told: (message) => void told.push(message) });

    beforeEach(async () => {
      world = await options.world();
      told = [];
    });
    afterEach(async () => {
      expect(findSecretIn(told), 'rule 7: what it tells').toBeUndefined();
      await world.close();
    });

    async function renewWorld(): Promise<void> {
      await world.close();
      world = await options.world();
    }

    it('1. apply twice is apply once', async () => {
      await kind.apply(site(), params);
      const once = await world.snapshot();
      await kind.apply(site(), params);
      expect(await world.snapshot()).toEqual(once);
    });

    it.runIf(isSeenByInspect)('2. inspect says absent before and present after', async () => {
      expect(await kind.inspect(site(), params)).toBe('absent');
      await kind.apply(site(), params);
      expect(await kind.inspect(site(), params)).toBe('present');
    });

    it('2. after apply, verify has nothing to say', async () => {
      await kind.apply(site(), params);
      expect(await kind.verify(site(), params)).toEqual([]);
    });

    it.runIf(kind.pointOfNoReturn !== true)('3. undo restores the target byte for byte, also twice', async () => {
      const before = await world.snapshot();
      const checkpoint = await kept(kind, site(), params);
      await kind.apply(site(), params);
      await kind.undo(site(), params, checkpoint);
      expect(await world.snapshot()).toEqual(before);
      await kind.undo(site(), params, checkpoint);
      expect(await world.snapshot()).toEqual(before);
    });

    it.runIf(kind.pointOfNoReturn !== true)('3. undo restores the target after half an apply, and half an undo', async () => {
      for (let changes = 0; changes < mostKillPoints; changes++) {
        const before = await world.snapshot();
        const checkpoint = await kept(kind, site(), params);
        const isKilled = await killed(world, changes, () => kind.apply(site(), params));
        await killed(world, changes, () => kind.undo(site(), params, checkpoint));
        await kind.undo(site(), params, checkpoint);
        expect(await world.snapshot(), `killed after ${changes} changes`).toEqual(before);
        if (!isKilled) return;
        await renewWorld();
      }
    });

    it('3. apply after half an apply ends where a whole one does', async () => {
      await kind.apply(site(), params);
      const whole = Object.keys(await world.snapshot());
      for (let changes = 0; changes < mostKillPoints; changes++) {
        await renewWorld();
        const isKilled = await killed(world, changes, () => kind.apply(site(), params));
        expect(['absent', 'partial', 'present']).toContain(await kind.inspect(site(), params));
        await kind.apply(site(), params);
        expect(Object.keys(await world.snapshot()), `killed after ${changes} changes`).toEqual(whole);
        expect(await kind.verify(site(), params)).toEqual([]);
        if (!isKilled) return;
      }
    });

    it('4. preflight, checkpoint, inspect and verify change nothing', async () => {
      const read = async () => {
        const before = await world.snapshot();
        await kind.preflight(site(), params);
        await kind.checkpoint(site(), params);
        await kind.inspect(site(), params);
        await quietly(() => kind.verify(site(AbortSignal.timeout(soonMs / 2)), params));
        expect(await world.snapshot()).toEqual(before);
      };
      await read();
      await kind.apply(site(), params);
      await read();
    });

    it('5. does to trust what it declares', async (context) => {
      if (world.observedEffects === undefined) return context.skip();
      await kind.apply(site(), params);
      expect(await world.observedEffects()).toEqual(kind.effects(params));
    });

    it('6. an aborted signal ends every method soon, and leaves what inspect can name', async () => {
      const checkpoint = await kept(kind, site(), params);
      const aborted = AbortSignal.abort();
      for (const act of [
        () => kind.preflight(site(aborted), params),
        () => kind.checkpoint(site(aborted), params),
        () => kind.inspect(site(aborted), params),
        () => kind.verify(site(aborted), params),
        () => kind.apply(site(aborted), params),
        () => kind.undo(site(aborted), params, checkpoint),
      ]) {
        const startedAt = performance.now();
        await quietly(act);
        expect(performance.now() - startedAt).toBeLessThan(soonMs);
      }
      expect(['absent', 'partial', 'present']).toContain(await kind.inspect(site(), params));
    });

    it('7. has no key material in its failures', async () => {
      expect(findSecretIn(await kind.preflight(site(), params))).toBeUndefined();
      world.killAfter(0);
      for (const act of [() => kind.preflight(site(), params), () => kind.apply(site(), params), () => kind.verify(site(), params)]) {
        expect(findSecretIn(await quietly(act))).toBeUndefined();
      }
      world.revive();
    });

    it('8. refuses parameters that it does not know', () => {
      expect(kind.params.safeParse({ ...options.params, 'no-such-parameter': 1 }).success).toBe(false);
    });

    it('9. takes the same checkpoint twice, as plain JSON', async () => {
      const first = await kind.checkpoint(site(), params);
      expect(await kind.checkpoint(site(), params)).toEqual(first);
      expect(JSON.parse(JSON.stringify(first))).toEqual(first);
    });
  });
}

// As it comes back from disk.
async function kept<P>(kind: StepKind<P>, site: Site, params: P): Promise<Checkpoint> {
  return JSON.parse(JSON.stringify(await kind.checkpoint(site, params))) as Checkpoint;
}

/** Whether it was cut off. Whatever is thrown counts as that: an act that throws without a death fails under rules 1 and 2. */
async function killed(world: ContractWorld, changes: number, act: () => Promise<void>): Promise<boolean> {
  world.killAfter(changes);
  try {
    await act();
    return false;
  } catch {
    return true;
  } finally {
    world.revive();
  }
}

/** What it returned or the failures that it threw; anything else is a defect. */
async function quietly(act: () => Promise<unknown>): Promise<unknown> {
  try {
    return await act();
  } catch (error) {
    const failures = failuresOf(error);
    if (failures === undefined) throw error;
    return failures;
  }
}
