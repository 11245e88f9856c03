/** What a cutover refuses, on a staging cluster that was made by hand: what is said, and that nothing was changed. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rehearsalEnv, rehearsalSettings } from '../src/app/rehearse-settings.js';
import { createRunFolder } from '../src/app/run-folder.js';
import { siteFactory } from '../src/app/site.js';
import { openWorld, type World } from '../src/app/world.js';
import type { Inventory, NodeRecord } from '../src/domain/cluster/inventory.js';
import type { Failure } from '../src/domain/errors.js';
import { digestOf } from '../src/domain/plan/digest.js';
import { makePlan } from '../src/domain/plan/planner.js';
import { readPlaybook } from '../src/domain/plan/playbook.js';
import type { Plan, Settings } from '../src/domain/plan/plan.js';
import { systemClock } from '../src/engine/system-clock.js';
import type { KubeObject } from '../src/ports/kube.js';
import { scanCluster } from '../src/scan/scan-cluster.js';
import { type StagingCluster, startStaging } from '../src/staging/cluster.js';
import { specSomewhere } from '../src/staging/topology.js';
import { stepKinds } from '../src/steps/index.js';
import type { Places } from './step-contract/bench.js';
import { differences, placesOf } from './step-contract/places.js';

const file = 'playbooks/hard-way-cutover.yaml';
const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-refused-'));
const call = { deadlineMs: 30_000 };

let staging: StagingCluster;
let settings: Settings;
let world: World;
let plan: Plan;
let before: Places;

beforeAll(async () => {
  const spec = await specSomewhere('hard-way:1+1', { uid: randomUUID(), nowMs: Date.now() });
  staging = await startStaging({ spec, folder: join(folder, 'cluster'), speed: 20 });
  expect(staging.notReady).toEqual([]);
  settings = await rehearsalSettings(staging.operator);
  world = await openWorld({ settings, env: rehearsalEnv(staging.operator, process.env) });
  const inventory = await scanCluster({ hosts: world.hosts, shells: world.shells, kube: world.access.kube(), now: Date.now });
  const playbook = readPlaybook(readFileSync(file, 'utf8'), file, stepKinds);
  const made = makePlan({ playbook, inventory, kinds: stepKinds, settings, name: 'refused', now: Date.now(), tool: 'test' });
  if (!('steps' in made)) throw new Error(made.map(({ summary }) => summary).join('\n'));
  plan = made;
  createRunFolder(settings.stateDir, plan.name, plan);
  before = await placesNow();
}, 120_000);
afterAll(async () => {
  await world?.close();
  await staging?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const placesNow = (): Promise<Places> =>
  placesOf({ nodes: plan.inventory.nodes.map(({ name }) => name), shells: world.shells, kube: world.access.kube(), also: ['/etc/etcd', '/etc/systemd/system'] });
const run = (node: string, script: string): Promise<string> => world.shells.to(node).must(script, call);

interface Asked {
  readonly target?: string;
  readonly params?: Record<string, unknown>;
  readonly inventory?: Inventory;
  readonly from?: World;
}

/** What the preflight of a step says: the only thing that happens before anything is changed. */
async function preflight(name: string, { target = 'cluster', params = {}, inventory = plan.inventory, from = world }: Asked = {}): Promise<readonly Failure[]> {
  const step = plan.steps.find(({ id }) => id === name)!;
  const kind = stepKinds.get(step.kind)!;
  const checkpoints = { prove: () => Promise.resolve() } as never;
  const siteOf = siteFactory({
    run: plan.name,
    world: from,
    issuer: await from.issuer(),
    checkpoints,
    artefacts: () => ({ get: () => undefined, put: () => undefined }),
    observe: () => Promise.resolve(inventory),
  });
  const site = siteOf({ ...plan, inventory }, step, target, {
    phase: 'preflight',
    direction: 'forward',
    attempt: 1,
    signal: new AbortController().signal,
    deadlineAtMs: Date.now() + 60_000,
    now: systemClock.now,
    wait: (ms) => systemClock.wait(ms),
    tell: () => undefined,
  });
  return kind.preflight(site, kind.params.parse({ ...step.params, ...params }));
}

const changed = (change: (node: NodeRecord) => Partial<NodeRecord>): Inventory => ({
  ...plan.inventory,
  nodes: plan.inventory.nodes.map((node) => ({ ...node, ...change(node) })),
});

it('a cluster that is as it must be is not refused', async () => {
  for (const name of ['check-units', 'check-nodes'])
    for (const { name: target } of plan.inventory.nodes) expect(await preflight(name, { target }), `${name} ${target}`).toEqual([]);
  for (const name of ['check-cutover', 'set-up-vault', 'issue-root', 'at-the-barrier']) expect(await preflight(name), name).toEqual([]);
}, 60_000);

describe('refused is, and nothing is changed by it:', () => {
  const mend: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const one of mend.splice(0).reverse()) await one();
    expect(differences(before, await placesNow())).toEqual([]);
  });

  it('a layout that is not recognised: what was found, what was expected', async () => {
    const inventory = changed(({ components }) => ({ components: components.filter(({ name }) => name !== 'etcd') }));
    expect(await preflight('check-units', { target: 'master1', inventory })).toMatchObject([
      {
        code: 'layout-unsupported',
        target: 'master1',
        summary: 'etcd not found as systemd unit',
        cause: expect.stringMatching(/^found: .*kube-apiserver \(kube-apiserver\.service\).*; expected: a running process/) as string,
      },
    ]);
    const bare = changed(() => ({ components: [] }));
    expect(await preflight('check-cutover', { inventory: bare })).toMatchObject([{ code: 'layout-unsupported', summary: 'no kube-apiserver was found on any host' }]);
  });

  it('a unit with a drop-in that overrides a flag', async () => {
    const dropIn = '/etc/systemd/system/kube-scheduler.service.d/10-more.conf';
    await run(
      'master1',
      `mkdir -p ${dropIn.replace(/\/[^/]*$/, '')}; printf '[Service]\\nExecStart=\\nExecStart=/usr/local/bin/kube-scheduler $KUBE_SCHEDULER_ARGS --v=9\\n' > ${dropIn}; systemctl daemon-reload`,
    );
    mend.push(() => run('master1', `rm -r ${dropIn.replace(/\/[^/]*$/, '')}; systemctl daemon-reload`));
    expect(await preflight('check-units', { target: 'master1' })).toMatchObject([
      {
        code: 'unit-differs',
        summary: 'kube-scheduler.service would not start as it runs now: it runs with no --v and would start with --v=9',
        cause: `a drop-in overrides it: ${dropIn}`,
      },
    ]);
  });

  it('an environment file that was changed after the start, and a unit that systemd has not loaded', async () => {
    await run('master1', 'cp -p /etc/kubernetes/apiserver.env /tmp/kept; echo \'KUBE_API_ARGS="--advertise-address=192.0.2.1"\' >> /etc/kubernetes/apiserver.env');
    mend.push(() => run('master1', 'mv /tmp/kept /etc/kubernetes/apiserver.env'));
    const [failure] = await preflight('check-units', { target: 'master1' });
    expect(failure).toMatchObject({ code: 'unit-differs', cause: expect.stringContaining('/etc/kubernetes/apiserver.env') as string });
    expect(failure?.summary).toContain('would start with --advertise-address=192.0.2.1');
    await run('master1', 'cp -p /etc/systemd/system/etcd.service /tmp/unit; echo "# more" >> /etc/systemd/system/etcd.service');
    mend.push(() => run('master1', 'mv /tmp/unit /etc/systemd/system/etcd.service; systemctl daemon-reload'));
    expect((await preflight('check-units', { target: 'master1' })).map(({ summary }) => summary)).toContain(
      'the files of etcd.service are others than those that systemd has loaded',
    );
  });

  it('the role of the article, name by name, with the role that would do', async () => {
    const failures = await preflight('issue-root', { params: { roles: ['kubernetes'] } });
    expect(failures.every(({ code }) => code === 'vault-role-unfit')).toBe(true);
    expect(failures).toContainEqual(expect.objectContaining({ target: 'kube-apiserver', nextAction: 'Name the role "kubernetes-components" too: it issues this leaf' }) as Failure);
    expect(failures).toContainEqual(expect.objectContaining({ target: 'system:node:worker1', nextAction: 'Name the role "kubernetes-nodes" too: it issues this leaf' }) as Failure);
  });

  it('a name that is served and would be lost', async () => {
    const inventory = changed(({ files }) => ({
      files: files.map((one) => ({
        ...one,
        certificates: one.certificates.map((c) => (c.subject === 'CN=kube-apiserver' ? { ...c, sans: c.sans.filter((san) => san !== 'DNS:kubernetes') } : c)),
      })),
    }));
    expect(await preflight('check-cutover', { inventory })).toMatchObject([
      { code: 'san-lost', target: 'master1', summary: 'kube-apiserver serves names that its file does not have: DNS:kubernetes' },
    ]);
  });

  it('a token Secret that is immutable, and one that a controller owns; left out by name they are not', async () => {
    const kube = world.access.kube();
    const secret = (name: string, more: object): KubeObject =>
      ({
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'kubernetes.io/service-account-token',
        metadata: { name, namespace: 'tokens-1', annotations: { 'kubernetes.io/service-account.name': 'token-holder' }, ...more },
      }) as unknown as KubeObject;
    const fixed = { ...secret('fixed', {}), immutable: true };
    const owned = secret('owned', { ownerReferences: [{ apiVersion: 'example.org/v1', kind: 'Thing', name: 'a-thing', uid: randomUUID(), controller: true }] });
    for (const object of [fixed, owned]) {
      await kube.create(object, call);
      mend.push(() => kube.remove({ apiVersion: 'v1', kind: 'Secret', namespace: 'tokens-1', name: object.metadata.name }, call));
    }
    expect((await preflight('check-cutover')).map(({ code, target }) => [code, target])).toEqual([
      ['token-fixed', 'tokens-1/fixed'],
      ['token-fixed', 'tokens-1/owned'],
    ]);
    expect(await preflight('check-cutover', { params: { skipTokens: ['tokens-1/fixed', 'tokens-1/owned'] } })).toEqual([]);
  });

  it('a budget that allows no disruption', async () => {
    const kube = world.access.kube();
    const [pod] = await kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system' }, call);
    const budget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'none', namespace: 'kube-system' },
      spec: { maxUnavailable: 0, selector: { matchLabels: pod?.metadata.labels ?? {} } },
    };
    await kube.create(budget as unknown as KubeObject, call);
    mend.push(() => kube.remove({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', namespace: 'kube-system', name: 'none' }, call));
    const isCounted = async (): Promise<boolean> => (await preflight('check-cutover')).length > 0;
    for (let looks = 0; !(await isCounted()) && looks < 100; looks++) await systemClock.wait(50);
    expect(await preflight('check-cutover')).toMatchObject([{ code: 'disruption-blocked', target: 'PodDisruptionBudget kube-system/none' }]);
    expect(await preflight('check-cutover', { params: { tolerateBudgets: ['kube-system/none'] } })).toEqual([]);
  });

  it('a host that cannot be reached at the barrier', async () => {
    const away = join(folder, 'away.yaml');
    const hosts = world.hosts.map((host) => ({ ...host, ...(host.name === 'worker1' ? { sshHost: '127.0.0.1', sshPort: 1 } : {}) }));
    writeFileSync(
      away,
      JSON.stringify({
        all: {
          hosts: Object.fromEntries(
            hosts.map(({ name, sshHost, sshPort, sshUser }) => [name, { ansible_host: sshHost, ansible_port: sshPort, ansible_user: sshUser, ansible_become: true }]),
          ),
        },
      }),
    );
    const from = await openWorld({ settings: { ...settings, inventoryFile: away }, env: rehearsalEnv(staging.operator, process.env) });
    try {
      expect(await preflight('at-the-barrier', { from })).toMatchObject([
        {
          code: 'node-absent',
          target: 'worker1',
          summary: 'the host cannot be reached, and the cutover must not begin without it',
          nextAction: expect.stringContaining('Nothing has changed') as string,
        },
      ]);
    } finally {
      await from.close();
    }
  });

  it('a consul-template that still renders the files', async () => {
    const agent = staging.context.node('worker1').start({ name: 'consul-template', args: ['/usr/bin/consul-template', '-config', '/etc/consul.d/x.hcl'] });
    mend.push(async () => agent.end());
    expect(await preflight('check-nodes', { target: 'worker1' })).toMatchObject([{ code: 'reverting-agent', target: 'worker1', summary: 'consul-template is running' }]);
  });

  it('a CA file that holds two', async () => {
    const inventory = changed(({ files }) => ({
      files: files.map((one) => (one.path === '/etc/kubernetes/pki/ca.pem' ? { ...one, certificates: [...one.certificates, ...one.certificates] } : one)),
    }));
    expect((await preflight('check-cutover', { inventory })).map(({ code }) => code)).toEqual(['ca-unexpected']);
  });
});

it('plans of the same cluster have the same digest, whatever was tried', async () => {
  const inventory = await scanCluster({ hosts: world.hosts, shells: world.shells, kube: world.access.kube(), now: Date.now });
  const { digest, ...made } = plan;
  expect(digestOf({ ...made, inventory })).toBe(digest);
});
