/** One wrong plan on the lab: planned and run by the real program, then all edges are asked. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { runCommand } from '../command.js';
import type { Lab } from '../lab.js';
import { nodeFolders } from '../node/boot.js';
import type { Operator } from '../tests/operator.js';
import { issue } from './certificates.js';
import { edgesOf } from './edge-list.js';
import type { Material, WrongPlan } from './plan-parts.js';
import { type Observed, observe } from './probes/edges.js';
import { look, type Place, see } from './probes/seen.js';
import { restartEverything } from './probes/restart.js';
import type { Prober } from './prober.js';

export interface EdgeResult {
  readonly edge: string;
  readonly predicted: string;
  /** `hold`, `break`, `latent`, `unseen`; of the second look only if there was one. */
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
}

const program = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');

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

export async function tryPlan(prober: Prober, operator: Operator, plan: WrongPlan): Promise<PlanResult> {
  const startedAt = performance.now();
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
    runCommand(process.execPath, ['--import', 'tsx', program, ...args, '-o', 'json'], {
      env: { ...operator.env },
      allowFailure: true,
      timeoutMs: 300_000,
      logFile: join(folder, 'rotate-ca.log'),
    });
  const first = await cli(['plan', '--playbook', playbook, '--name', name, '--out', planFile]);
  const refused = first.code !== 0;
  // A refusal names some of them: all are accepted.
  const breaks = refused ? edgesOf(prober.lab, place) : [];
  if (refused && !first.stdout.includes('edge-broken')) throw new Error(`${plan.name}: refused for another reason: ${first.stdout} ${first.stderr}`);
  const planned = refused ? await cli(['plan', '--playbook', playbook, '--name', name, '--out', planFile, ...breaks.flatMap((edge) => ['--accept-break', edge])]) : first;
  if (planned.code !== 0) throw new Error(`${plan.name}: refused again: ${planned.stdout} ${planned.stderr}`);
  const { proof } = JSON.parse(planned.stdout.trim().split('\n').at(-1) ?? '{}') as { proof: { verdicts: Record<string, string> } };
  const ran = await cli(['run', planFile, '--auto-approve', '--without-acks', '--no-input']);
  await sleep(steps.some(({ params }) => params.waits === false) ? 25_000 : 3_000);

  const edges = [...new Set([...edgesOf(prober.lab, place), ...Object.keys(proof.verdicts)])];
  const seen = await see(prober, place);
  const loaded = new Map(edges.map((edge) => [edge, observe(edge, seen)]));
  // What is loaded may not be what is stored: whoever was not found broken is asked once more after everything was started anew.
  const late = edges.filter((edge) => proof.verdicts[edge] === 'latent');
  const stored = late.length === 0 && plan.again !== true ? new Map<string, Observed>() : await afterRestart(prober, place, edges);
  return {
    name: plan.name,
    what: plan.what,
    refused,
    runEnded: ran.code,
    seconds: Math.round((performance.now() - startedAt) / 1000),
    edges: edges.map((edge) => {
      const now = loaded.get(edge) ?? { is: 'unseen', by: '' };
      const then = stored.get(edge);
      const isLate = now.is === 'hold' && then?.is === 'break';
      return { edge, predicted: proof.verdicts[edge] ?? 'missing', observed: isLate ? 'latent' : now.is, by: isLate ? `after a restart: ${then.by}` : now.by };
    }),
  };
}

/** Pods keep their names: only their containers are made anew. */
async function afterRestart(prober: Prober, place: Place, edges: readonly string[]): Promise<Map<string, Observed>> {
  await restartEverything(prober);
  const seen = await see(prober, place);
  return new Map(edges.map((edge) => [edge, observe(edge, seen)]));
}

function playbookOf(plan: WrongPlan, steps: readonly { kind: string; params: unknown }[]): unknown {
  return {
    apiVersion: 'rotate-ca/v1',
    kind: 'Playbook',
    name: plan.name,
    description: plan.what,
    steps: steps.map(({ kind, params }, n) => ({
      name: `step-${n + 1}`,
      kind,
      title: plan.what.slice(0, 110),
      params,
      timeout: '90s',
      ifItFails: 'It is meant to.',
      rollback: 'The lab is restored.',
    })),
  };
}
