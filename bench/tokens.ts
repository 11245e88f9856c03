/** Clearing of all token Secrets of a real cluster (lab, layout hard-way): our step beside the loop of kubectl that the article has, and beside a bare client. */

import { execFile } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import https from 'node:https';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { labPaths, type LabPaths } from '../lab/lab.js';
import { openKube } from '../src/adapters/kube/open-kube.js';
import type { KubeAccess, KubeObject } from '../src/ports/kube.js';
import { patchSecrets } from '../src/steps/clear-service-account-tokens/patch-secrets.js';
import { nameOf, tokenSecrets } from '../src/operations/token-secrets.js';
import { tokenOf } from '../src/steps/clear-service-account-tokens/token-states.js';
import type { Measurement, Row, Skipped } from './measurement.js';
import { median } from './rounds.js';

const rounds = 4;
/** One round of each goes before and does not count. */
const warmUp = 1;
/** One process of kubectl after the other: a sample is enough, and spares the cluster. */
const looped = 10;
const inFlight = 32;
const refillMs = 180_000;
const selector = 'type=kubernetes.io/service-account-token';

type Site = Parameters<typeof patchSecrets>[0];

async function run(): Promise<Row[] | Skipped> {
  const paths = labPaths('hard-way');
  if (!existsSync(paths.adminKubeconfig)) return { skipped: `the lab is not up: there is no ${paths.adminKubeconfig} (npm run lab -- up --layout hard-way, as root)` };
  try {
    const first = await openKube({ kubeconfig: paths.adminKubeconfig, env: {} });
    const site = siteOf(first);
    const secrets = (await filled(site)).length;
    const all: Figures[] = [];
    for (let round = 0; round < rounds + warmUp; round++) {
      const figures = await oneRound(paths, site, round % 2 === 0).catch((error: unknown) => {
        // Somebody else needs the lab: what was measured until then counts.
        if (all.length === 0) throw error;
        process.stderr.write(`bench: tokens: ended after ${all.length} rounds: ${inWords(error)}\n`);
      });
      if (figures === undefined) break;
      const shown = Object.entries(figures).map(([what, ms]) => `${what} ${ms.toFixed(2)}`);
      process.stderr.write(`bench: tokens, round ${round}: ${shown.join(', ')} ms a Secret\n`);
      if (round >= warmUp) all.push(figures);
    }
    first.close();
    const of = (what: keyof Figures): number => median(all.map((figures) => figures[what]));
    const bare = `node:https, ${inFlight} JSON patches in flight, no list`;
    return [
      { measurement: `tokens: clear one of ${secrets}, ms`, ours: of('ours'), baseline: of('loop'), against: `the article's loop of kubectl, on ${looped} of them` },
      { measurement: `tokens: clear one of ${secrets}, ms`, ours: of('ours'), baseline: of('bare'), against: bare },
      { measurement: `tokens: clear one of ${secrets}, CPU ms of the client`, ours: of('oursCpu'), baseline: of('bareCpu'), against: bare },
      { measurement: 'tokens: kube-controller-manager makes one again, ms', ours: of('made'), baseline: 100, against: 'two calls at 20 a second' },
    ];
  } catch (error) {
    return { skipped: `not measured on the lab: ${inWords(error)}` };
  }
}

function inWords(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** ms for one Secret. */
type Figures = Readonly<Record<'loop' | 'ours' | 'oursCpu' | 'bare' | 'bareCpu' | 'made', number>>;

async function oneRound(paths: LabPaths, site: Site, oursFirst: boolean): Promise<Figures> {
  await mustBeFree(site);
  const loop = await loopOfKubectl(paths, await filled(site));
  await filled(site);
  let figures = { loop, ours: 0, oursCpu: 0, bare: 0, bareCpu: 0, made: 0 };
  const ours = async (): Promise<void> => {
    // It begins without connections, as a run does that has waited for something.
    const access = await openKube({ kubeconfig: paths.adminKubeconfig, env: {} });
    const count = (await filled(site)).length;
    const taken = await timesOf(() => clearAll(siteOf(access)));
    access.close();
    const made = (await timesOf(() => filled(site))).ms / count;
    figures = { ...figures, ours: taken.ms / count, oursCpu: taken.cpuMs / count, made: made + taken.ms / count };
  };
  const bare = async (): Promise<void> => {
    const all = await filled(site);
    const taken = await bareClient(paths, all);
    figures = { ...figures, bare: taken.ms / all.length, bareCpu: taken.cpuMs / all.length };
    await filled(site);
  };
  for (const way of oursFirst ? [ours, bare] : [bare, ours]) await way();
  return figures;
}

/** The lab is shared: tokens are not cleared under a rotation that is at work on it (app/cluster-lease.ts). */
async function mustBeFree(site: Site): Promise<void> {
  const lease = await site.access.kube().read({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'kube-system', name: 'rotate-ca' });
  const { renewTime } = (lease?.spec ?? {}) as { renewTime?: string };
  if (renewTime !== undefined && Date.now() - Date.parse(renewTime) < 120_000) throw new Error('a rotation is at work on this cluster');
}

/** What the step reads of its site. */
function siteOf(access: KubeAccess): Site {
  const { signal } = new AbortController();
  // As the engine does for the signal of a phase: each call in flight listens.
  setMaxListeners(0, signal);
  return { access, signal, deadlineAtMs: Date.now() + 3_600_000, now: Date.now, tell: () => undefined };
}

/** The step's own list and patches. With the same RSA key a token is made again as it was, so the key is no filter here. */
async function clearAll(site: Site): Promise<void> {
  await patchSecrets(site, await tokenSecrets(site), (secret) => (tokenOf(secret) === '' ? undefined : { op: 'remove', path: '/data/token' }), 'cleared');
}

/** Waits until kube-controller-manager has made all tokens again. */
async function filled(site: Site): Promise<KubeObject[]> {
  const end = performance.now() + refillMs;
  for (;;) {
    const secrets = await tokenSecrets(site);
    if (secrets.every((secret) => tokenOf(secret) !== '')) return secrets;
    if (performance.now() > end) throw new Error(`some token Secrets are still empty after ${refillMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

interface Times {
  readonly ms: number;
  /** Of this process. */
  readonly cpuMs: number;
}

async function timesOf(work: () => Promise<unknown>): Promise<Times> {
  const before = process.cpuUsage();
  const started = performance.now();
  await work();
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  return { ms, cpuMs: (user + system) / 1000 };
}

/** ms a Secret. As it is published: names by kubectl, then each Secret fetched, stripped by sed and replaced. Only on some of them. */
async function loopOfKubectl(paths: LabPaths, secrets: readonly KubeObject[]): Promise<number> {
  const namespace = secrets.map(({ metadata }) => metadata.namespace ?? '').find((name) => secrets.filter(({ metadata }) => metadata.namespace === name).length >= looped);
  if (namespace === undefined) throw new Error(`no namespace has ${looped} token Secrets`);
  const script = `export KUBECONFIG=${paths.adminKubeconfig} PATH=${paths.releaseBin}:$PATH
for ns in ${namespace}; do
  for token in $(kubectl -n $ns get secrets --field-selector ${selector} -o name | head -n ${looped}); do
    kubectl -n $ns get $token -o yaml | sed '/token: /d' | kubectl replace -f - >/dev/null || exit 1
  done
done`;
  return (await timesOf(() => promisify(execFile)('/bin/bash', ['-c', script]))).ms / looped;
}

/** For all. Nothing but Node: one agent, the same two operations, answers read to their end. */
async function bareClient(paths: LabPaths, secrets: readonly KubeObject[]): Promise<Times> {
  const config = parse(readFileSync(paths.adminKubeconfig, 'utf8')) as {
    clusters: readonly { cluster: Record<string, string> }[];
    users: readonly { user: Record<string, string> }[];
  };
  const [cluster, user] = [config.clusters[0]?.cluster ?? {}, config.users[0]?.user ?? {}];
  const pem = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');
  const agent = new https.Agent({
    keepAlive: true,
    maxSockets: inFlight,
    ca: pem(cluster['certificate-authority-data']),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data']),
  });
  const { hostname, port } = new URL(cluster.server ?? '');
  const queue = [...secrets];
  const patch = (secret: KubeObject): Promise<void> =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify([
        { op: 'test', path: '/metadata/resourceVersion', value: secret.metadata.resourceVersion },
        { op: 'remove', path: '/data/token' },
      ]);
      const path = `/api/v1/namespaces/${secret.metadata.namespace}/secrets/${secret.metadata.name}`;
      const headers = { 'content-type': 'application/json-patch+json', 'content-length': Buffer.byteLength(body), accept: 'application/json' };
      const request = https.request({ agent, hostname, port, method: 'PATCH', path, headers }, (response) => {
        response.resume();
        response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${nameOf(secret)}: ${response.statusCode}`))));
      });
      request.on('error', reject);
      request.end(body);
    });
  const lane = async (): Promise<void> => {
    for (let secret = queue.pop(); secret !== undefined; secret = queue.pop()) await patch(secret);
  };
  try {
    return await timesOf(() => Promise.all(Array.from({ length: inFlight }, lane)));
  } finally {
    agent.destroy();
  }
}

export const tokensMeasurement: Measurement = { name: 'tokens', onlyWhenAsked: true, run };
