/** What the command line prints, and its exit codes. `npx vitest run test/cli-golden.test.ts -u` writes fixtures/cli anew; the diff is reviewed like code. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli } from './support/cli.js';
import { haltedFacts, recordedPlan, recordRun } from './support/recorded-run.js';

const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-golden-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const halted = join(folder, 'halted');
recordRun(halted, haltedFacts);

const recording = fileURLToPath(new URL('../fixtures/inventories/kubeadm-ha.json', import.meta.url));
const golden = (name: string): string => `../fixtures/cli/${name}.txt`;
/** What changes with each change of a playbook or of the place: not what is looked at here. */
const steady = (text: string): string => text.replaceAll(folder, 'FOLDER').replaceAll(/\b[0-9a-f]{64}\b/g, 'DIGEST');

describe('what people read', () => {
  it('--help', async () => {
    const { code, stdout } = await runCli(['--help']);
    expect(code).toBe(0);
    await expect(stdout).toMatchFileSnapshot(golden('help'));
  });

  it('rehearse --help', async () => {
    const { code, stdout } = await runCli(['--help'], { program: 'start' });
    expect(code).toBe(0);
    await expect(stdout).toMatchFileSnapshot(golden('rehearse-help'));
  });

  it('status of a run that has halted', async () => {
    const { code, stdout, stderr } = await runCli(['status', 'recorded', '--node', 'w1', '--state-dir', halted]);
    expect(code).toBe(0);
    await expect(steady(`${stdout}--- standard error ---\n${stderr}`)).toMatchFileSnapshot(golden('status-halted'));
  });

  it('journal, and the only run is the one that is meant', async () => {
    const { code, stdout } = await runCli(['journal', '--state-dir', halted]);
    expect(code).toBe(0);
    await expect(steady(stdout)).toMatchFileSnapshot(golden('journal'));
  });

  it('status without runs', async () => {
    const { code, stdout } = await runCli(['status', '--state-dir', join(folder, 'none')]);
    expect({ code, stdout: steady(stdout) }).toEqual({ code: 0, stdout: 'There are no runs in FOLDER/none.\n' });
  });
});

describe('what is wrong with the command', () => {
  it.concurrent.each([
    ['an unknown command, with the one that was meant', ['stauts'], 'Did you mean status?'],
    ['an unknown flag, with the one that was meant', ['plan', '--inventary', 'x'], 'Did you mean --inventory?'],
    ['a format that there is not', ['status', '-o', 'yaml'], 'Allowed choices are text, json'],
    ['no command', [], 'Usage: rotate-ca'],
    ['plan without anything', ['plan'], 'Give --inventory FILE.'],
    ['a scan without an inventory', ['scan'], 'Give --inventory FILE.'],
    ['a scan in a form that there is not', ['scan', '-o', 'xml'], 'Allowed choices are table, json, yaml, dot, svg'],
    ['one scan to compare', ['scan', '--diff', 'a.json'], 'Give --diff EARLIER LATER.'],
    ['scans that there are not', ['scan', '--diff', 'a.json', 'b.json'], 'there is no file'],
    ['a playbook that there is not', ['plan', '-p', 'front-proxy'], 'there is no playbook "front-proxy"'],
    ['a plan that there is not', ['run', 'plan.json'], 'rotate-ca plan --out FILE'],
    ['a picture without a file', ['graph', '--from', 'plan.json'], "required option '--out <file>' not specified"],
    ['a picture of a kind that there is not', ['graph', '--from', 'plan.json', '--out', 'graph.png'], 'Give a file that ends with .svg, .html, .dot or .mermaid.'],
    ['a picture of a plan that there is not', ['graph', '--from', 'plan.json', '--out', 'graph.svg'], 'rotate-ca plan --out FILE'],
    ['a page of one step', ['graph', '--from', 'plan.json', '--out', 'graph.html', '--step', 'now'], 'Leave --step out'],
    ['a picture where nothing can be written', ['graph', '--from', recording, '--out', join(folder, 'none', 'graph.dot')], 'Give --out a file in a folder that exists'],
    ['a picture of a cluster without anything', ['graph', '--out', 'graph.svg'], 'Give --inventory FILE.'],
    ['a topology that there is not', ['rehearse', '--topology', 'big'], 'Give "small" (1+1), "ha" (3+3) or CONTROLPLANES+WORKERS'],
    ['a fault that there is not', ['rehearse', '--faults', 'disk-ful'], 'Did you mean "disk-full"?'],
    ['a step without a fault', ['rehearse', '--faults', 'disk-full@isue-ca'], 'Did you mean "issue-ca"?'],
    ['a target without a fault', ['rehearse', '--faults', 'disk-full@issue-ca:cp9'], 'Targets: cp1, w1, cluster.'],
    ['faults, and a cluster that stays', ['rehearse', '--faults', 'all', '--keep'], 'Leave one of them away.'],
    ['a speed that there is not', ['rehearse', '--speed', 'fast'], 'Give a number from 1'],
    ['a rehearsal of a plan that there is not', ['rehearse', '--from', 'plan.json'], 'rotate-ca plan --out plan.json'],
    ['a topology and a plan', ['rehearse', '--from', 'plan.json', '--topology', 'ha'], 'cannot be used with'],
    ['a duration without a unit', ['resume', 'recorded', '--state-dir', halted, '--lock-timeout', '5'], '30s'],
  ])('%s', async (_what, args, words) => {
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain(words);
  });

  it('an edited plan', async () => {
    const file = join(folder, 'edited.json');
    const plan = recordedPlan(folder);
    writeFileSync(file, JSON.stringify({ ...plan, steps: plan.steps.slice(1) }));
    const { code, stderr } = await runCli(['run', file]);
    expect(code).toBe(64);
    expect(stderr).toContain('Error plan-invalid: the plan was edited after it was made');
  });

  it.concurrent.each([
    ['a run that there is not', ['status', 'nope', '--state-dir', halted], 'run-unknown'],
    ['finalize before the run has succeeded', ['finalize', 'recorded', '--state-dir', halted], 'decision-refused'],
  ])('%s', async (_what, args, errorCode) => {
    const { code, stderr } = await runCli(args);
    expect(code).toBe(1);
    expect(stderr).toContain(`Error ${errorCode}: `);
    expect(stderr).toMatch(/^ {2}Next: .+/m);
  });

  it('a rollback that nobody can confirm', async () => {
    const { code, stderr } = await runCli(['rollback', 'recorded', '--state-dir', halted]);
    expect(code).toBe(64);
    expect(stderr).toContain('give --yes');
  });
});

describe('-o json', () => {
  const objects = (text: string): { apiVersion: string; kind: string }[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { apiVersion: string; kind: string });

  it.concurrent.each([
    ['status', ['status', '-o', 'json', '--state-dir', halted], 0, 'RunList'],
    ['the flag before the command', ['-o', 'json', 'status', 'recorded', '--state-dir', halted], 0, 'Run'],
    ['journal', ['journal', '--output=json', '--state-dir', halted], 0, 'Fact'],
    ['a failure', ['run', 'nope.json', '-o', 'json'], 64, 'Failures'],
    ['a mistyped flag', ['plan', '--inventary', 'x', '-o', 'json'], 64, 'Failures'],
  ])('%s: nothing but objects on standard output', async (_what, args, code, kind) => {
    const result = await runCli(args);
    expect(result.code).toBe(code);
    const [first, ...others] = objects(result.stdout);
    expect(first).toMatchObject({ apiVersion: 'rotate-ca/v1', kind });
    expect(others.every((object) => object.apiVersion === 'rotate-ca/v1')).toBe(true);
  });
});

describe('colour', () => {
  const introducer = '\u001b[';

  it.concurrent.each([
    ['not without a terminal', {}, [], false],
    ['where it is forced', { FORCE_COLOR: '1' }, [], true],
    ['NO_COLOR wins', { FORCE_COLOR: '1', NO_COLOR: '1' }, [], false],
    ['an empty NO_COLOR is none', { FORCE_COLOR: '1', NO_COLOR: '' }, [], true],
    ['--no-color wins', { FORCE_COLOR: '1' }, ['--no-color'], false],
  ])('%s', async (_what, env, flags, coloured) => {
    const { stdout, stderr } = await runCli(['run', 'nope.json', ...flags], { env });
    expect(`${stdout}${stderr}`.includes(introducer)).toBe(coloured);
  });
});
