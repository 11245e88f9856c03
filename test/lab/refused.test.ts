/** Bad input and a bad state of the world, on the real cluster: refused before anything is changed, with who, why, and what to do next. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan/plan.js';
import type { Lab } from '../../lab/lab.js';
import { editedPlan, expiredKubeconfig, inventoryWith, knownHostsWith, planOfAnotherCluster } from '../../lab/tests/copies.js';
import { freshLab } from '../../lab/tests/fresh-lab.js';
import { issuersInVault } from '../../lab/tests/incoming-ca.js';
import { changesOf, type Manifest, manifestsOf } from '../../lab/tests/manifest.js';
import { newOperator, type Operator } from '../../lab/tests/operator.js';
import type { Ended } from '../../lab/tests/program.js';
import { revertingAgent, runningUpgrade, sealedVault, smallDisk, tokenWithSmallerPolicy, userWithoutSudo, wrongClock } from '../../lab/tests/trouble.js';

interface Refusal {
  readonly exit: number;
  readonly code: string;
  /** Must be in the target or the text: the host, the file, the path. */
  readonly names: RegExp;
}

let lab: Lab;
let operator: Operator;
let saved: { file: string; plan: Plan };
let before: ReadonlyMap<string, Manifest>;
let runs = 0;

const at = (name: string): string => join(operator.folder, name);
const plan = (...args: string[]): Promise<Ended> => operator.run(['plan', ...args]);

/** A run in a state folder of its own, so that no case sees the one before. */
function run(file = saved.file, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  runs += 1;
  return operator.run(['run', file, '--auto-approve', '--no-input', '--state-dir', at(`state-${runs}`)], env);
}

function expectRefusal(ended: Ended, { exit, code, names }: Refusal): void {
  const failure = ended.failures.find((one) => one.code === code);
  expect({ exit: ended.code, codes: ended.failures.map((one) => one.code) }).toEqual({ exit, codes: expect.arrayContaining([code]) });
  expect(`${failure?.target} ${failure?.summary} ${failure?.cause}`).toMatch(names);
  expect(failure?.nextAction).toMatch(/\S+ \S+/);
  expect(ended.facts.filter(({ fact }) => fact.type === 'step.marked' && fact.mark === 'applying').map(({ fact }) => fact)).toEqual([]);
}

describe('refused before anything is changed', () => {
  beforeAll(async () => {
    lab = await freshLab();
    operator = await newOperator(lab, 'refused');
    before = await manifestsOf(lab);
    saved = await operator.plan('refused');
  });

  // Whatever a case above did: no file of a node is another, and Vault has no CA.
  afterAll(async () => {
    expect(changesOf(before, await manifestsOf(lab))).toEqual([]);
    expect(await issuersInVault(lab)).toEqual([]);
  });

  it('a host that cannot be reached', async () => {
    const ended = await plan('-i', inventoryWith(lab, at('unreachable.yaml'), 'w1', { ansible_host: '10.77.0.99' }));
    expectRefusal(ended, { exit: 1, code: 'ssh-unreachable', names: /w1|10\.77\.0\.99/ });
  });

  it('a host whose key has changed', async () => {
    const ended = await plan('--known-hosts', knownHostsWith(lab, at('changed-key'), 'cp2', 'of another'));
    expectRefusal(ended, { exit: 1, code: 'ssh-host-key-changed', names: /cp2|10\.77\.0\.12/ });
  });

  it('a host whose key is unknown, with its fingerprint', async () => {
    const ended = await plan('--known-hosts', knownHostsWith(lab, at('unknown-key'), 'w1', 'none'));
    expectRefusal(ended, { exit: 1, code: 'ssh-host-key-unknown', names: /SHA256:[A-Za-z0-9+/]{43}/ });
  });

  it('a user who may not become root', async () => {
    const ended = await userWithoutSudo(lab, 'w1', 'intern').during(() => plan('-i', inventoryWith(lab, at('no-sudo.yaml'), 'w1', { ansible_user: 'intern' })));
    expectRefusal(ended, { exit: 1, code: 'sudo-refused', names: /w1|10\.77\.0\.21/ });
  });

  it('a node that the inventory does not have', async () => {
    writeFileSync(at('short.yaml'), readFileSync(lab.paths.inventory, 'utf8').replace(/^ +w2:\n +ansible_host: .*\n/m, ''));
    expectRefusal(await plan('-i', at('short.yaml')), { exit: 1, code: 'node-unknown', names: /w2/ });
  });

  it('an inventory with the same host twice, with file, line and column', async () => {
    writeFileSync(at('twice.yaml'), readFileSync(lab.paths.inventory, 'utf8').replace(/^( +)w1:\n( +ansible_host: .*)\n/m, '$1w1:\n$2\n$1w1:\n$2\n'));
    expectRefusal(await plan('-i', at('twice.yaml')), { exit: 64, code: 'inventory-invalid', names: /twice\.yaml:\d+:\d+/ });
  });

  it('a kubeconfig whose certificate has expired', async () => {
    const ended = await plan('--kubeconfig', await expiredKubeconfig(lab, at('expired.kubeconfig')));
    expectRefusal(ended, { exit: 1, code: 'kubeconfig-invalid', names: /expired/ });
  });

  it('a plan that was edited', async () => {
    expectRefusal(await run(editedPlan(saved.plan, at('edited.json'))), { exit: 64, code: 'plan-invalid', names: /edited\.json/ });
  });

  it('a plan of another cluster', async () => {
    expectRefusal(await run(planOfAnotherCluster(saved.plan, at('other-cluster.json'))), { exit: 1, code: 'plan-other-cluster', names: /00000000-0000-4000-8000-000000000000/ });
  });

  it('a sealed Vault', async () => {
    const ended = await sealedVault(lab).during(() => run());
    expectRefusal(ended, { exit: 1, code: 'vault-sealed', names: /10\.77\.0\.1:8200|Vault/ });
  });

  it('a Vault that is not there', async () => {
    const plan = await operator.run(['plan', '--name', 'nowhere', '--out', at('nowhere.json')], { VAULT_ADDR: 'https://10.77.0.98:8200' });
    expect(plan.code).toBe(0);
    expectRefusal(await run(at('nowhere.json')), { exit: 1, code: 'vault-unreachable', names: /10\.77\.0\.98/ });
  });

  it('a Vault policy without a path that is needed', async () => {
    const env = { ROTATE_CA_VAULT_ROLE_ID_FILE: '', ROTATE_CA_VAULT_SECRET_ID_FILE: '', VAULT_TOKEN: await tokenWithSmallerPolicy(lab) };
    const planned = await operator.run(['plan', '--name', 'smaller', '--out', at('smaller.json')], env);
    expect(planned.code).toBe(0);
    expectRefusal(await run(at('smaller.json'), env), { exit: 1, code: 'vault-policy-missing', names: /issuers\/generate\/root\/exported/ });
  });

  it('a clock that is wrong by more than a minute', async () => {
    const ended = await wrongClock(lab, 'w1', 300).during(() => run());
    expectRefusal(ended, { exit: 1, code: 'clock-skew', names: /w1/ });
  });

  it('a kubeadm upgrade that is under way', async () => {
    const ended = await runningUpgrade(lab, 'cp2').during(() => run());
    expectRefusal(ended, { exit: 1, code: 'upgrade-running', names: /cp2/ });
  });

  it('an agent that would put files back', async () => {
    const ended = await revertingAgent(lab, 'w1').during(() => run());
    expectRefusal(ended, { exit: 1, code: 'reverting-agent', names: /puppet/ });
  });

  it('a state folder on a disk that is full', async () => {
    const disk = smallDisk(operator.folder, 64);
    const ended = await disk.during(() => operator.run(['run', saved.file, '--auto-approve', '--no-input', '--state-dir', disk.folder]));
    expectRefusal(ended, { exit: 1, code: 'disk-full', names: /small-disk/ });
  });

  it('an age identity that cannot decrypt what is encrypted to the recipient', async () => {
    const stranger = await newOperator(lab, 'refused-stranger');
    const planned = await operator.run(['plan', '--name', 'stranger', '--out', at('stranger.json'), '--identity', stranger.identityFile]);
    expect(planned.code).toBe(0);
    expectRefusal(await run(at('stranger.json')), { exit: 1, code: 'recipients-unusable', names: /identity|recipient/ });
  });
});
