/** What an operator can get wrong: refused before anything is changed, with the place, the reason, and what to do next. */

import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openKube } from '../src/adapters/kube/open-kube.js';
import { checkPlan } from '../src/app/check-plan.js';
import { planOnRecording } from '../src/app/make-plan.js';
import { readHosts } from '../src/app/read-inventory.js';
import { createRunFolder, openRunFolder } from '../src/app/run-folder.js';
import type { Inventory } from '../src/domain/cluster/inventory.js';
import { type Failure, failuresOf } from '../src/domain/errors.js';
import { readPlan } from '../src/domain/plan/digest.js';
import type { Settings } from '../src/domain/plan/plan.js';
import { readPlaybook } from '../src/domain/plan/playbook.js';
import { sharedRoles } from '../src/steps/check-cluster/shared-roles.js';
import { stepKinds } from '../src/steps/index.js';
import { makeCa, signLeaf } from '../src/x509/certificate-authority.js';
import { makeKeyPair } from '../src/x509/key-pair.js';
import { makeRequest } from '../src/x509/request.js';
import { settingsOf } from '../src/cli/commands/shared-options.js';

const folder = mkdtempSync(join(tmpdir(), 'bad-input-'));
afterAll(() => rmSync(folder, { recursive: true }));

const playbookFile = 'playbooks/cluster-ca.yaml';
const playbook = readFileSync(playbookFile, 'utf8');
const inventory = JSON.parse(readFileSync('fixtures/inventories/kubeadm-ha.json', 'utf8')) as Inventory;
const settings: Settings = {
  inventoryFile: 'inventory.yaml',
  kubeconfig: '',
  context: '',
  vault: { address: 'https://vault:8200', mount: 'pki' },
  recipients: ['age1x'],
  identityFile: 'key.txt',
  stateDir: folder,
};
const plan = planOnRecording(playbookFile, inventory, { settings, name: 'r1', now: Date.parse(inventory.takenAt) });

async function refusals(act: () => unknown): Promise<readonly Failure[]> {
  try {
    await act();
  } catch (error) {
    const failures = failuresOf(error);
    if (failures === undefined) throw error;
    expect(failures.every((f) => f.target !== '' && f.summary !== '' && f.nextAction !== '')).toBe(true);
    return failures;
  }
  return expect.fail('it was accepted');
}

/** Line and column of the first place where a text stands. */
function placeOf(text: string, what: string): string {
  const before = text.slice(0, text.indexOf(what)).split('\n');
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

describe('the playbook', () => {
  it.each([
    ['unknown kind of step', 'kind: switch-signer', 'kind: swich-signer', 'swich-signer', /Did you mean "switch-signer"\?/],
    ['mistyped key', 'ifItFails: Nothing at once', 'ifItFail: Nothing at once', 'ifItFail: Nothing at once', /Did you mean "ifItFails"\?/],
    ['mistyped parameter', '      backdate: 10m', '      backdated: 10m', 'backdated: 10m', /Did you mean "backdate"\?/],
    ['wrong unit', '      ttl: 87600h', '      ttl: 87600x', '87600x', /./],
    ['number without a unit', '    timeout: 3m', '    timeout: 3', '3\n    ifItFails: Nothing was changed. The cluster', /./],
  ])('%s: file, line and column', async (_, good, bad, at, next) => {
    expect(playbook).toContain(good);
    const text = playbook.replace(good, bad);
    const failures = await refusals(() => readPlaybook(text, playbookFile, stepKinds));
    const here = failures.filter((f) => `${f.target} ${f.summary}`.includes(`${playbookFile}:${placeOf(text, at)}`));
    expect(here).toMatchObject([{ code: 'playbook-invalid', nextAction: expect.stringMatching(next) }]);
  });
});

describe('the inventory', () => {
  it.each([
    ['a node twice', 'hosts:\n  - name: cp1\n    ssh: 10.0.0.1\n  - name: cp1\n    ssh: 10.0.0.2\n'],
    ['two names of one machine', 'hosts:\n  - name: cp1\n    ssh: 10.0.0.1\n  - name: cp2\n    ssh: 10.0.0.1\n'],
    ['a mistyped key', 'hosts:\n  - name: cp1\n    shs: 10.0.0.1\n'],
  ])('%s', async (_, hosts) => {
    const [first] = await refusals(() => readHosts(`apiVersion: rotate-ca/v1\nkind: Hosts\n${hosts}`, 'hosts.yaml'));
    expect(first?.code).toBe('inventory-invalid');
    expect(`${first?.target} ${first?.summary}`).toMatch(/hosts\.yaml:\d+:\d+/);
  });
});

describe('the plan', () => {
  it('edited', async () => {
    const edited = JSON.stringify({ ...plan, steps: plan.steps.filter((s) => s.kind !== 'check-cluster') });
    expect(await refusals(() => readPlan(edited, 'plan.json'))).toMatchObject([{ code: 'plan-invalid', target: 'plan.json', summary: 'the plan was edited after it was made' }]);
  });

  it('cut off', async () => {
    expect(await refusals(() => readPlan(JSON.stringify(plan).slice(0, -100), 'plan.json'))).toMatchObject([{ code: 'plan-invalid', target: 'plan.json' }]);
  });

  it('of another cluster', async () => {
    const other = { ...inventory, cluster: { ...inventory.cluster, uid: 'another' } };
    expect(await refusals(() => checkPlan(plan, other))).toMatchObject([{ code: 'plan-other-cluster', target: inventory.cluster.server }]);
  });

  it('stale: a node has left, a CA file has changed', async () => {
    const [first, ...others] = inventory.nodes;
    const changed = first?.files.map((f) => (f.path === '/etc/kubernetes/pki/ca.crt' ? { ...f, certificates: [] } : f)) ?? [];
    const now = { ...inventory, nodes: [{ ...first, files: changed } as Inventory['nodes'][number], ...others.slice(1)] };
    const [refused] = await refusals(() => checkPlan(plan, now));
    expect(refused).toMatchObject({ code: 'plan-stale', nextAction: expect.stringContaining('rotate-ca plan') });
    expect(refused?.cause).toContain(others[0]?.name);
    expect(refused?.cause).toContain('ca.crt');
  });

  it('as it was made', () => {
    expect(readPlan(JSON.stringify(plan), 'plan.json')).toEqual(plan);
    expect(() => checkPlan(plan, inventory)).not.toThrow();
  });
});

describe('the journal', () => {
  const opened = (run: string) => {
    const made = createRunFolder(folder, run, plan);
    const { journal } = made.openJournal();
    journal.append({ type: 'run.opened', run, planDigest: plan.digest, tool: 't', cluster: 'u' });
    journal.append({ type: 'run.submitted', by: 'me' });
    journal.close();
    return join(made.folder, 'journal.jsonl');
  };

  it('torn at its end: the torn line is kept aside and the rest goes on', () => {
    const file = opened('torn');
    appendFileSync(file, '{"seq":3,"at":"2026');
    const { journal, tornTail } = openRunFolder(folder, 'torn').openJournal();
    expect(journal.lines()).toHaveLength(2);
    expect(tornTail).toMatch(/torn-3/);
    journal.close();
  });

  it('broken in its middle: file, line and column', async () => {
    const file = opened('broken');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"tool":"t"', '"tool":"x"'));
    const [first] = await refusals(() => openRunFolder(folder, 'broken').openJournal());
    expect(first?.code).toBe('journal-broken');
    expect(JSON.stringify(first)).toMatch(/journal\.jsonl:\d+:\d+/);
  });

  it('of no run', async () => {
    expect(await refusals(() => openRunFolder(folder, 'none'))).toMatchObject([{ code: 'run-unknown', target: 'none' }]);
  });
});

describe('the cluster and the way to it', () => {
  it('a CA that plays two roles', () => {
    const twice = inventory.nodes.map((n) => {
      const ca = n.files.find((f) => f.path === '/etc/kubernetes/pki/ca.crt');
      return { ...n, files: n.files.map((f) => (f.path === '/etc/kubernetes/pki/etcd/ca.crt' ? { ...f, certificates: ca?.certificates ?? [] } : f)) };
    });
    expect(sharedRoles({ ...inventory, nodes: twice })[0]).toMatchObject({ code: 'ca-shared', target: 'cp1', summary: 'the cluster CA is also the etcd CA' });
    expect(sharedRoles(inventory)).toEqual([]);
  });

  it('an expired kubeconfig: the file, and since when', async () => {
    const long = { notBeforeMs: Date.UTC(2020, 0, 1), notAfterMs: Date.UTC(2099, 0, 1) };
    const ca = await makeCa({ ...long, subject: { commonName: 'kubernetes', organizations: [] } });
    const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
    const csrPem = await makeRequest({ privateKeyPem, subject: { commonName: 'admin', organizations: [] } });
    const leaf = await signLeaf({ ca, csrPem, usages: ['clientAuth'], notBeforeMs: Date.UTC(2020, 0, 1), notAfterMs: Date.UTC(2021, 0, 1) });
    const b64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');
    const file = join(folder, 'expired.conf');
    const text = `apiVersion: v1\nkind: Config\nclusters:\n- name: k\n  cluster: {server: "https://127.0.0.1:1", certificate-authority-data: ${b64(ca.certificatePem)}}\ncontexts:\n- name: k\n  context: {cluster: k, user: k}\ncurrent-context: k\nusers:\n- name: k\n  user: {client-certificate-data: ${b64(leaf)}, client-key-data: ${b64(privateKeyPem.reveal())}}\n`;
    writeFileSync(file, text, { mode: 0o600 });
    const [first] = await refusals(() => openKube({ kubeconfig: file, env: {} }));
    expect(JSON.stringify(first)).toContain(file);
    expect(JSON.stringify(first)).toContain('2021-01-01');
  });

  it.each([
    ['no inventory', {}, '--inventory'],
    ['an inventory that is not there', { inventory: '/nowhere/hosts.yaml', identity: playbookFile, recipient: ['age1x'] }, '--inventory'],
    ['no identity', { inventory: playbookFile }, '--identity'],
    ['no recipient', { inventory: playbookFile, identity: playbookFile }, '--recipient'],
  ])('wrong flags: %s', async (_, flags, target) => {
    const failures = await refusals(() => settingsOf({ vaultMount: 'pki', ...flags }, {}));
    expect(failures).toContainEqual(expect.objectContaining({ code: 'usage', target, nextAction: expect.stringMatching(/^(Give|Make) /) }));
  });
});
