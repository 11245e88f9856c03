/** Canary secrets on every way out: output, journal, artefacts, failures, plans, arguments. None may come through. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { openArtefacts } from '../src/adapters/disk/artefacts.js';
import { openJournal } from '../src/adapters/disk/journal.js';
import { openOutput } from '../src/cli/output.js';
import { openProgressLines } from '../src/cli/progress-lines.js';
import { failure, RotationError } from '../src/domain/errors.js';
import { findSecretIn } from '../src/domain/redact.js';
import type { Fact } from '../src/domain/run/facts.js';
import { Secret } from '../src/domain/secret.js';
import { makeKeyPair } from '../src/x509/key-pair.js';
import { planOf, stepWith } from './support/plans.js';
import { recordedPlan } from './support/recorded-run.js';
import { createRig, drive } from './support/rig.js';

const pem = (await makeKeyPair('ecdsa-p256')).privateKeyPem.reveal().toString('utf8').trim();
const pemLine = pem.split('\n')[1] ?? '';

/** [kind, a text as it would come from a command or a server, the part that must never be seen]. */
const canaries: readonly (readonly [string, string, string])[] = [
  ['PEM key', `it said: ${pem}`, pemLine],
  ['PEM key that was cut off', `it said: ${pem.slice(0, 120)}`, pem.slice(60, 100)],
  ['PEM key in base64, as in a kubeconfig', `data: ${Buffer.from(pem).toString('base64')}`, Buffer.from(pem).toString('base64').slice(40, 90)],
  ['Vault token', 'X-Vault-Token: hvs.CAESICanaryCanaryCanary0123456789', 'CAESICanaryCanary'],
  ['bearer token', 'Authorization: Bearer canary0123456789canary0123456789', 'canary0123456789canary'],
  ['service-account token', `token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5`, 'Y2FuYXJ5Y2FuYXJ5'],
  ['bootstrap token', 'kubeadm join --token c4n4ry.0123456789abcdef', '0123456789abcdef'],
  ['kubeadm certificate key', `--certificate-key ${'c4'.repeat(32)}`, 'c4c4c4c4c4c4c4c4'],
  ['age identity', `AGE-SECRET-KEY-1${'CANARY'.repeat(9)}`, 'CANARYCANARY'],
];

const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-secrets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

/** Everything that is written while `work` runs. */
function written(work: () => void): string {
  const texts: string[] = [];
  const keep = (text: unknown): boolean => texts.push(String(text)) > 0;
  const spies = [vi.spyOn(process.stdout, 'write').mockImplementation(keep), vi.spyOn(process.stderr, 'write').mockImplementation(keep)];
  work();
  for (const spy of spies) spy.mockRestore();
  return texts.join('');
}

const failed = (text: string) => failure('command-failed', { target: text, summary: `a command ended with 1: ${text}`, cause: text, nextAction: `Look at: ${text}` });
const noted = (text: string): Fact => ({ type: 'note', step: 's', target: 't', message: text });

describe.each(canaries)('%s', (_kind, text, secret) => {
  it('does not reach a terminal', () => {
    const out = openOutput({ format: 'text', env: {}, noColor: true });
    const seen = written(() => {
      out.result(text);
      out.say(text);
      out.failures([failed(text)]);
      openProgressLines(out, () => []).show({ at: '2026-01-01T00:00:00Z', fact: noted(text) });
    });
    expect(seen).toContain('[secret: ');
    expect(seen).not.toContain(secret);
  });

  it('does not reach a program that reads JSON, and leaves it JSON', () => {
    const out = openOutput({ format: 'json', env: {}, noColor: true });
    const seen = written(() => {
      out.object('Fact', { fact: noted(text), after: 'whole' });
      out.failures([failed(text)]);
    });
    expect(seen).not.toContain(secret);
    expect(
      seen
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { kind: string }).kind),
    ).toEqual(['Fact', 'Failures']);
  });

  it('does not reach a journal: it is refused, and what was there stays valid', () => {
    const file = join(mkdtempSync(join(folder, 'journal-')), 'journal.jsonl');
    const { journal } = openJournal({ file, now: () => 0 });
    journal.append(noted('harmless'));
    expect(() => journal.append(noted(text))).toThrow(/defect: .* holds a secret/);
    expect(() => journal.append({ type: 'step.failed', step: 's', phase: 'apply', direction: 'forward', failures: [failed(text)] })).toThrow(/defect/);
    journal.close();
    expect(readFileSync(file, 'utf8')).not.toContain(secret);
    expect(openJournal({ file, now: () => 0 }).journal.lines()).toHaveLength(1);
  });

  it('does not reach a public file of the run', () => {
    const own = join(mkdtempSync(join(folder, 'artefacts-')), 'a');
    const artefacts = openArtefacts({ folder: own });
    expect(() => artefacts.put('report.txt', `${text}\n`)).toThrow(/holds a secret/);
    expect(
      existsSync(own)
        ? readdirSync(own)
            .map((name) => readFileSync(join(own, name), 'utf8'))
            .join()
        : '',
    ).not.toContain(secret);
  });

  it('is blanked by the engine where a kind puts it into a failure', async () => {
    const plan = planOf([stepWith({ id: 'one', kind: 'set', targets: ['w1'], params: { key: 'k', value: 'v' } })]);
    const rig = createRig({ plan });
    rig.world.on = (moment) => {
      if (moment.startsWith('apply half')) throw new RotationError(failed(text));
    };
    const life = rig.open();
    life.run.start();
    life.run.decide({ type: 'run.submitted', by: 'sre' });
    const view = await life.run.until('waiting');
    await life.run.stop();
    expect(view.value).toBe('halted');
    const facts = JSON.stringify(rig.facts());
    expect(facts).toContain('command-failed');
    expect(facts).not.toContain(secret);
  });
});

describe('the type Secret', () => {
  const secret = new Secret('hvs.CAESICanaryCanaryCanary0123456789');

  it.each([
    ['a template', `${secret}`],
    ['String', String(secret)],
    ['JSON', JSON.stringify({ secret })],
    ['inspect', inspect({ deep: { secret } }, { depth: 9, showHidden: true })],
    ['an error', new Error(`no: ${secret}`).stack ?? ''],
    ['spread', JSON.stringify({ ...secret })],
  ])('says nothing in %s', (_way, text) => {
    expect(text).not.toContain('Canary');
  });
});

describe('what is saved without encryption', () => {
  it('the recorded inventory and a plan of it hold no secret', () => {
    expect(findSecretIn(recordedPlan(folder))).toBeUndefined();
  });

  it('a whole run writes none', async () => {
    const rig = createRig();
    await drive(rig, rig.open());
    expect(findSecretIn(rig.facts())).toBeUndefined();
  });
});
