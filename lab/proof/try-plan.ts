/** One wrong plan on the lab: planned and run by the real program, then all edges are asked. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { runCommand } from '../command.js';
import type { Lab } from '../lab.js';
import { nodeFolders } from '../node/boot.js';
import { newOperator, type Operator } from '../tests/operator.js';
import { issue } from './certificates.js';
import { edgesOf } from './edge-list.js';
import type { Material, Step, WrongPlan } from './plan-parts.js';
import { type Observed, observe } from './probes/edges.js';
import { look, lookAgain, type Place } from './probes/place.js';
import { see } from './probes/seen.js';
import { restartEverything } from './probes/restart.js';
import { holdBack, type Hold } from './hold.js';
import { makeToken, openProber, type Prober } from './prober.js';

export interface EdgeResult {
  readonly edge: string;
  readonly predicted: string;
  /** `hold`, `break`, `latent`, `between`, `unseen`. */
  readonly observed: string;
  readonly by: string;
}

export interface PlanResult {
  readonly name: string;
  readonly what: string;
  /** It was refused before its breaks were accepted. */
  readonly refused: boolean;
  readonly runEnded: number;
  readonly edges: readonly EdgeResult[];
  readonly seconds: number;
  /** Seconds of its parts. */
  readonly took?: Readonly<Record<string, number>>;
}

const program = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');

export function materialOf(lab: Lab): Omit<Material, 'incoming'> {
  const controlPlane = lab.controlPlanes[0]?.name ?? '';
  const worker = lab.workers[0]?.name ?? '';
  const file = (path: string, node = controlPlane): string =>
    readFileSync(join(nodeFolders(lab.paths, node).root, path.replace('kubelet-server-current.pem', newest(lab, node))), 'utf8');
  const pair = (stem: string): { certificate: string; key: string } => ({ certificate: file(`/etc/kubernetes/pki/${stem}.crt`), key: file(`/etc/kubernetes/pki/${stem}.key`) });
  return { ca: pair('ca'), etcdCa: pair('etcd/ca'), frontProxyCa: pair('front-proxy-ca'), file, controlPlane, worker };
}

/** The link of a kubelet is absolute, and would lead out of the folder of the node. */
function newest(lab: Lab, node: string): string {
  const folder = join(nodeFolders(lab.paths, node).root, 'var/lib/kubelet/pki');
  return (
    readdirSync(folder)
      .filter((name) => /^kubelet-server-\d/.test(name))
      .sort()
      .at(-1) ?? ''
  );
}

/** On a lab as it was made. */
export async function tryOn(lab: Lab, plan: WrongPlan): Promise<PlanResult> {
  return tryPlan(openProber(lab, await makeToken(lab)), await newOperator(lab, `proof-${plan.name}`), plan);
}

async function tryPlan(prober: Prober, operator: Operator, plan: WrongPlan): Promise<PlanResult> {
  const startedAt = performance.now();
  const took: Record<string, number> = {};
  const timed = async <T>(what: string, work: Promise<T>): Promise<T> => {
    const from = performance.now();
    return work.finally(() => {
      took[what] = Math.round((performance.now() - from) / 1000);
    });
  };
  const folder = join(operator.folder, plan.name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const incoming = await issue({ subject: 'CN=kubernetes-incoming', isCa: true });
  const { files, steps } = await plan.make({ ...materialOf(prober.lab), incoming });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  const playbook = join(folder, 'playbook.yaml');
  writeFileSync(playbook, stringify(playbookOf(plan, steps)));

  const place = await look(prober);
  const planFile = join(folder, 'plan.json');
  const name = plan.name.slice(0, 30);
  const cli = (args: readonly string[]): ReturnType<typeof runCommand> =>
    runCommand(process.execPath, [program, ...args, '-o', 'json'], {
      env: { ...operator.env },
      allowFailure: true,
      timeoutMs: 900_000,
      logFile: join(folder, 'rotate-ca.log'),
    });
  const first = await cli(['plan', '--playbook', playbook, '--name', name, '--out', planFile]);
  const isRefused = first.code !== 0;
  // A refusal names some of them: all are accepted. With that a plan need not come to an end either.
  const breaks = isRefused ? edgesOf(prober.lab, place) : [];
  if (isRefused && !/edge-broken|outgoing-left/.test(first.stdout)) throw new Error(`${plan.name}: refused for another reason: ${first.stdout} ${first.stderr}`);
  const planned = isRefused ? await cli(['plan', '--playbook', playbook, '--name', name, '--out', planFile, ...breaks.flatMap((edge) => ['--accept-break', edge])]) : first;
  if (planned.code !== 0) throw new Error(`${plan.name}: refused again: ${planned.stdout} ${planned.stderr}`);
  const { proof } = JSON.parse(planned.stdout.trim().split('\n').at(-1) ?? '{}') as { proof: Proof };
  const edges = [...new Set([...edgesOf(prober.lab, place), ...Object.keys(proof.verdicts)])];

  const run = (): ReturnType<typeof runCommand> => cli(['run', planFile, '--auto-approve', '--without-acks', '--no-input']);
  const { ended, between } = plan.hold === undefined ? { ended: await timed('run', run()), between: undefined } : await timed('run', pinned(prober, place, plan.hold, run, edges));
  await settled(prober, steps);

  const asker = plan.newToken === true ? openProber(prober.lab, await makeToken(prober.lab)) : prober;
  const loaded = await timed('asked', askAll(asker, place, edges));
  // What is loaded may not be what is stored, also where nobody has predicted so: all are asked once more after everything was started anew.
  await timed('started anew', restartEverything(asker));
  const stored = await timed('asked again', askAll(asker, place, edges));
  return {
    name: plan.name,
    what: plan.what,
    refused: first.stdout.includes('edge-broken'),
    runEnded: ended.code,
    seconds: Math.round((performance.now() - startedAt) / 1000),
    took,
    edges: edges.map((edge) => ({ edge, predicted: predictedOf(edge, proof, plan.hold !== undefined), ...observedOf(edge, { between, loaded, stored }) })),
  };
}

/** A step that waits for nothing has started something anew, which may never come up. */
async function settled(prober: Prober, steps: readonly Step[]): Promise<void> {
  if (steps.every(({ params }) => params?.waits !== false)) return sleep(3_000);
  await sleep(25_000);
  const endsAt = performance.now() + 45_000;
  while (performance.now() < endsAt && (await prober.ask('/readyz')).status !== 200) await sleep(1_000);
}

interface Proof {
  readonly verdicts: Readonly<Record<string, string>>;
  readonly steps: readonly { readonly findings: readonly { readonly edge: string; readonly verdict: string }[] }[];
}

type Asked = ReadonlyMap<string, Observed>;

/** `between`: it breaks while the step is half done, and holds at its end. Asked for only where a plan is held there. */
function predictedOf(edge: string, { verdicts, steps }: Proof, isHeld: boolean): string {
  const verdict = verdicts[edge] ?? 'missing';
  const breaks = steps.some(({ findings }) => findings.some((found) => found.edge === edge && found.verdict === 'break'));
  return isHeld && verdict === 'hold' && breaks ? 'between' : verdict;
}

function observedOf(edge: string, seen: { readonly between: Asked | undefined; readonly loaded: Asked; readonly stored: Asked }): Pick<EdgeResult, 'observed' | 'by'> {
  const now = seen.loaded.get(edge) ?? { is: 'unseen', by: '' };
  const then = seen.stored.get(edge);
  if (now.is === 'hold' && then?.is === 'break') return { observed: 'latent', by: `after a restart: ${then.by}` };
  const half = seen.between?.get(edge);
  if (now.is === 'hold' && half?.is === 'break') return { observed: 'between', by: `while it was held: ${half.by}` };
  return { observed: now.is, by: now.by };
}

async function askAll(prober: Prober, before: Place, edges: readonly string[]): Promise<Asked> {
  const { place, now } = await lookAgain(prober, before);
  const seen = await see(prober, place);
  // A pod that was rolled goes by the name of the one before it.
  const asked = (edge: string): string => edge.replace(/ (pod \S+) -> /, (all, id: string) => (now.has(id) ? ` ${now.get(id)} -> ` : all));
  return new Map(edges.map((edge) => [edge, observe(asked(edge), seen)]));
}

/** The run is held in the middle of its step, all edges are asked, and then it goes on to its end. */
async function pinned(
  prober: Prober,
  place: Place,
  hold: Hold,
  run: () => ReturnType<typeof runCommand>,
  edges: readonly string[],
): Promise<{ ended: Awaited<ReturnType<typeof runCommand>>; between: Asked }> {
  const held = await holdBack(prober, place, hold);
  const running = run();
  try {
    if ('write' in hold) await held.reached();
    else await running;
    const between = await askAll(prober, place, edges);
    await held.release();
    // A volume is brought up to date within a kubelet's sync period and its cache's time to live.
    if ('kubeletOf' in hold) await sleep(120_000);
    return { ended: await running, between };
  } finally {
    await held.release();
    await running;
  }
}

function playbookOf(plan: WrongPlan, steps: readonly Step[]): unknown {
  return {
    apiVersion: 'rotate-ca/v1',
    kind: 'Playbook',
    name: plan.name,
    description: plan.what,
    steps: steps.map((step, n) =>
      step.name === undefined
        ? {
            name: `step-${n + 1}`,
            ...step,
            title: plan.what.slice(0, 110),
            timeout: plan.hold === undefined ? '90s' : '240s',
            ifItFails: 'It is meant to.',
            rollback: 'The lab is restored.',
          }
        : step,
    ),
  };
}
