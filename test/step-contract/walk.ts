/** Walks a whole playbook over a cluster, on the production adapters; each step stands on what those before it have done. */

import { readFileSync } from 'node:fs';
import { siteFactory } from '../../src/app/site.js';
import { createRunFolder } from '../../src/app/run-folder.js';
import { toolVersion } from '../../src/app/version.js';
import { openWorld } from '../../src/app/world.js';
import { fileOf, nodesWith } from '../../src/domain/cluster/inventory.js';
import { describeFailure, failuresOf, RotationError } from '../../src/domain/errors.js';
import { recordsOf } from '../../src/domain/pki/certificate.js';
import { readPlaybook } from '../../src/domain/plan/playbook.js';
import { type Plan, type PlannedStep, type Settings, wholeCluster } from '../../src/domain/plan/plan.js';
import { makePlan } from '../../src/domain/plan/planner.js';
import type { PhaseControl } from '../../src/engine/perform.js';
import { systemClock } from '../../src/engine/system-clock.js';
import { apiServerOf } from '../../src/operations/identity-probe.js';
import { artefactNames, paths } from '../../src/operations/run-files.js';
import type { AnyStepKind, Site, StepKinds } from '../../src/ports/step-kind.js';
import { scanCluster } from '../../src/scan/scan-cluster.js';
import { stepKinds } from '../../src/steps/index.js';
import { allowances } from './allowed.js';
import type { Bench, SiteWish } from './bench.js';
import { newLife, siteInLife } from './life.js';
import { placesOf } from './places.js';
import { checkContract } from './rules.js';
import { triedAsByTheEngine } from './tried.js';
import { expectedTrust, trustDifferences, trustSeen, type TrustSeen } from './trust-seen.js';

export interface WalkOptions {
  readonly playbookFile: string;
  readonly settings: Settings;
  readonly env: NodeJS.ProcessEnv;
  /** How many times as fast as usual steps look again: see SiteParts. */
  readonly pace: number;
  /** What follows a change by itself takes this long at most, ms. */
  readonly patienceMs: number;
  /** Objects that programs of the cluster write all the time: `KIND NAMESPACE/NAME`. */
  readonly notOurs?: RegExp;
  killPoints(of: number, purpose: string): readonly number[];
  /** One target of each wave is held against the contract, or of the first wave alone: a real control plane takes minutes. */
  readonly holdsEveryWave: boolean;
  /** Of a step that was cut into batches: which of them is held against the contract. */
  chooseBatches(steps: readonly PlannedStep[]): readonly PlannedStep[];
}

export interface Walk {
  readonly plan: Plan;
  /** All that is planned for a step of the playbook: what breaks the contract, in words. What is not held against it is applied and proved. */
  through(step: string, how: 'under the contract' | 'as it is'): Promise<string[]>;
  close(): Promise<void>;
}

/** Every step is planned, also those that this cluster does not need: they must keep the contract here, too. */
const kindsNeeded: StepKinds = new Map([...stepKinds].map(([name, { unneeded: _unneeded, ...kind }]) => [name, kind]));

export async function openWalk(options: WalkOptions): Promise<Walk> {
  const { settings, env, playbookFile } = options;
  const world = await openWorld({ settings, env });
  const scan = () => scanCluster({ hosts: world.hosts, shells: world.shells, kube: world.access.kube(), now: Date.now });
  const playbook = readPlaybook(readFileSync(playbookFile, 'utf8'), playbookFile, kindsNeeded);
  const made = makePlan({ playbook, inventory: await scan(), kinds: kindsNeeded, settings, name: 'contract', now: Date.now(), tool: toolVersion });
  if (!('steps' in made)) throw new RotationError(made as never);
  const plan = made;
  const folder = createRunFolder(settings.stateDir, plan.name, plan);
  const checkpoints = folder.checkpoints(settings);
  const siteOf = siteFactory({ run: plan.name, world, issuer: await world.issuer(), checkpoints, artefacts: (n) => folder.artefacts(n), observe: scan, pace: options.pace });
  const nodes = plan.inventory.nodes.map(({ name }) => name);
  const tried = triedAsByTheEngine(systemClock, options.pace);
  let attempt = 1;
  let trust: TrustSeen | undefined;

  function siteAt(step: PlannedStep, target: string, wish: SiteWish): Site {
    const deadlineMs = wish.deadlineMs ?? step.deadlineMs;
    const control: PhaseControl = {
      phase: 'apply',
      direction: 'forward',
      attempt,
      signal: wish.signal,
      deadlineAtMs: Date.now() + deadlineMs,
      now: systemClock.now,
      wait: (ms) => systemClock.wait(ms, { signal: wish.signal }),
      tell: wish.told,
    };
    return siteInLife(siteOf(plan, step, target, control), wish.life);
  }

  const plainSite = (step: PlannedStep, target: string): Site => siteAt(step, target, { signal: new AbortController().signal, told: () => undefined, life: newLife() });

  function benchAt(step: PlannedStep, target: string): Bench {
    return {
      site: (wish) => siteAt(step, target, wish),
      snapshot: () => placesOf({ nodes, shells: world.shells, kube: world.access.kube(), ...(options.notOurs === undefined ? {} : { notOurs: options.notOurs }) }),
      async keep(checkpoint) {
        const key = { step: step.id, target, attempt };
        return checkpoints.load(await checkpoints.save(key, checkpoint));
      },
      nextAttempt: () => void attempt++,
      patienceMs: options.patienceMs,
      pause: () => systemClock.wait(100),
      tried,
      now: systemClock.now,
    };
  }

  async function forGood(kind: AnyStepKind, step: PlannedStep, target: string): Promise<string[]> {
    const params: unknown = kind.params.parse(step.params);
    await tried(() => kind.apply(plainSite(step, target), params));
    return (await tried(() => kind.verify(plainSite(step, target), params))).map((f) => `${step.id} on ${target}: ${describeFailure(f)}`);
  }

  /** A step that restarts etcd takes the only API server away for a moment; the engine tries again then, a call of a kind does not. */
  async function apiAnswers(): Promise<void> {
    const servers = [plan.inventory.cluster.server, ...nodesWith(plan.inventory, 'control-plane').map(apiServerOf)];
    const until = performance.now() + options.patienceMs;
    const isReady = (server: string): Promise<boolean> =>
      world.access
        .kube()
        .at(server)
        .get('/readyz', { deadlineMs: 5_000 })
        .then(
          ({ status }) => status === 200,
          () => false,
        );
    while (!(await Promise.all(servers.map(isReady))).every(Boolean)) {
      if (performance.now() >= until) throw new Error(`not every address of the API answers: ${servers.join(', ')}`);
      await systemClock.wait(100);
    }
  }

  /** As the engine goes: a wave, its proof, then the next by what is true then. */
  async function performed(step: PlannedStep, isChosen: boolean): Promise<string[]> {
    const kind = kindsNeeded.get(step.kind) as AnyStepKind;
    const found: string[] = [];
    const left = new Set(step.targets);
    await apiAnswers();
    while (left.size > 0) {
      const inWaves = kind.waves ?? (async (targets: readonly string[]) => [[...targets]]);
      const params: unknown = kind.params.parse(step.params);
      // A list would be taken for one of failures.
      const { waves } = await tried(async () => ({ waves: await inWaves([...left], plainSite(step, wholeCluster), params) }));
      const [first, ...others] = waves.find((wave) => wave.length > 0) as [string, ...string[]];
      if (!isChosen || (left.size < step.targets.length && !options.holdsEveryWave)) others.unshift(first);
      else {
        const allowance = allowances[kind.name];
        const findings = await checkContract({
          kind,
          params: step.params,
          bench: benchAt(step, first),
          killPoints: (of, purpose) => options.killPoints(of, `${step.id} ${first} ${purpose}`),
          ...(allowance === undefined ? {} : { allowance }),
        });
        found.push(...findings.map(({ rule, what }) => `rule ${rule}, ${step.id} on ${first}: ${what}`));
      }
      found.push(...(await Promise.all(others.map((target) => forGood(kind, step, target)))).flat());
      for (const target of [first, ...others]) left.delete(target);
    }
    return found;
  }

  async function seen(): Promise<TrustSeen> {
    const outgoing = nodesWith(plan.inventory, 'control-plane').flatMap((node) => fileOf(node, paths.ca)?.certificates ?? [])[0];
    const [incoming] = recordsOf(folder.artefacts(attempt).get(artefactNames.incomingCa) ?? '');
    return trustSeen(await tried(scan), { outgoing, incoming });
  }

  /** Rule 5, of a whole step: what one target declares counts for all of them. */
  async function changesTrustAsDeclared(step: PlannedStep, before: TrustSeen): Promise<string[]> {
    const kind = kindsNeeded.get(step.kind) as AnyStepKind;
    const expected = expectedTrust(before, kind.effects(kind.params.parse(step.params)), kind.targets === 'cluster' ? 'cluster' : step.targets);
    const until = performance.now() + options.patienceMs;
    for (;;) {
      trust = await seen();
      const different = trustDifferences(expected, trust);
      if (different.length === 0) return [];
      if (performance.now() >= until) return different.map((what) => `rule 5, ${step.id}: ${what}`);
      await systemClock.wait(100);
    }
  }

  return {
    plan,
    async through(name, how) {
      const found: string[] = [];
      const steps = plan.steps.filter(({ id }) => id === name || id.startsWith(`${name}/`));
      if (steps.length === 0) throw new Error(`nothing is planned for the step "${name}"`);
      const chosen = how === 'as it is' ? [] : options.chooseBatches(steps);
      try {
        for (const step of steps) {
          const isChosen = chosen.includes(step);
          const before = !isChosen ? undefined : (trust ?? (await seen()));
          trust = undefined;
          found.push(...(await performed(step, isChosen)));
          if (before !== undefined) found.push(...(await changesTrustAsDeclared(step, before)));
        }
      } catch (error) {
        const failures = failuresOf(error);
        if (failures === undefined) throw error;
        throw new Error([...found, ...failures.map(describeFailure)].join('\n'), { cause: error });
      }
      return found;
    },
    close: () => world.close(),
  };
}
