/** A small world that steps of tests change: values on targets, changed in two halves, with every finished change counted. */

import { z } from 'zod';
import { failure, RotationError } from '../../src/domain/errors.js';
import type { Checkpoint, CheckpointRef, Checkpoints } from '../../src/ports/checkpoints.js';
import type { AnyStepKind, StepKind, StepKinds } from '../../src/ports/step-kind.js';

const params = z.strictObject({ key: z.string(), value: z.string() });
type Params = z.infer<typeof params>;

/** What happens in the world, in order: `apply key@target`, `undo key@target`. */
export interface World {
  readonly values: Map<string, string>;
  readonly log: string[];
  /** Called in the middle and at the end of each change, and at the beginning of everything else. A test fails, hangs or dies here. */
  on: (moment: string) => void | Promise<void>;
  /** A value as it stands: `undefined`, whole, or with `half` of another on it. */
  snapshot(): Record<string, string>;
}

export function createWorld(initial: Record<string, string> = {}): World {
  const values = new Map(Object.entries(initial));
  return { values, log: [], on: () => undefined, snapshot: () => Object.fromEntries([...values].toSorted()) };
}

const half = 'half of ';

function setKind(world: World, name: string, more: Partial<StepKind<Params>> = {}): AnyStepKind {
  const at = (target: string, key: string) => `${key}@${target}`;
  async function set(action: string, place: string, value: string | undefined): Promise<void> {
    world.values.set(place, `${half}${value}`);
    await world.on(`${action} half ${place}`);
    if (value === undefined) world.values.delete(place);
    else world.values.set(place, value);
    world.log.push(`${action} ${place}`);
    await world.on(`${action} done ${place}`);
  }
  const kind: StepKind<Params> = {
    name,
    targets: 'nodes',
    params,
    effects: () => [],
    async preflight(site, p) {
      await world.on(`preflight ${at(site.target, p.key)}`);
      return [];
    },
    async checkpoint(site, p) {
      await world.on(`checkpoint ${at(site.target, p.key)}`);
      const before = world.values.get(at(site.target, p.key));
      if (before?.startsWith(half)) throw new Error('a half-made change was taken for the original');
      return { files: [], objects: [], notes: before === undefined ? {} : { before } };
    },
    async apply(site, p) {
      await world.on(`apply begin ${at(site.target, p.key)}`);
      await set('apply', at(site.target, p.key), p.value);
    },
    async inspect(site, p) {
      await world.on(`inspect ${at(site.target, p.key)}`);
      const found = world.values.get(at(site.target, p.key));
      if (found === p.value) return 'present';
      return found?.startsWith(half) ? 'partial' : 'absent';
    },
    async verify(site, p) {
      await world.on(`verify ${at(site.target, p.key)}`);
      const isThere = world.values.get(at(site.target, p.key)) === p.value;
      return isThere ? [] : [failure('chain-broken', { target: site.target, summary: 'the value is not there', nextAction: 'Look' })];
    },
    async undo(site, p, checkpoint) {
      await world.on(`undo begin ${at(site.target, p.key)}`);
      await set('undo', at(site.target, p.key), checkpoint.notes.before as string | undefined);
    },
    ...more,
  };
  return kind;
}

/** `set`: all targets at once. `set-in-turn`: one after the other. `set-for-good`: no way back. */
export function kindsOf(world: World): StepKinds {
  const kinds = [
    setKind(world, 'set'),
    setKind(world, 'set-in-turn', { waves: (targets) => Promise.resolve(targets.map((target) => [target])) }),
    setKind(world, 'set-for-good', { pointOfNoReturn: true }),
  ];
  return new Map(kinds.map((kind) => [kind.name, kind]));
}

/** Checkpoints in memory; like those on disk, a reference is never written twice. */
export function createMemoryCheckpoints(): Checkpoints & { readonly refs: string[] } {
  const saved = new Map<string, string>();
  const refs: string[] = [];
  function keep(name: string, text: string): CheckpointRef {
    let ref = name;
    for (let n = 2; saved.has(ref); n++) ref = `${name}@${n}`;
    saved.set(ref, text);
    refs.push(ref);
    return { ref, sha256: '00' };
  }
  return {
    refs,
    save: ({ step, target, attempt }, checkpoint) => Promise.resolve(keep(`${step}@${target}@${attempt}`, JSON.stringify(checkpoint))),
    saveBlob: (name, bytes) => Promise.resolve(keep(`blob@${name}`, Buffer.from(bytes).toString('base64'))),
    prove: () => Promise.resolve(),
    load(ref) {
      const text = saved.get(ref.ref);
      if (text === undefined)
        return Promise.reject(new RotationError(failure('checkpoint-damaged', { target: ref.ref, summary: 'there is no such checkpoint', nextAction: 'Look' })));
      return Promise.resolve(JSON.parse(text) as Checkpoint);
    },
  };
}
