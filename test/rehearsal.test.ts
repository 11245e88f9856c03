/** A whole rehearsal, started as a user starts it: what it says, what it writes, how it ends, and that nothing is left of it. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { findSecret } from '../src/domain/redact.js';
import { nothing, type RehearsalPlace, rehearsalPlace, type StartedRehearsal } from './support/rehearsal.js';

const count = z.strictObject({ sent: z.int().min(1), failed: z.int().min(0) });
const check = z.strictObject({ side: z.enum(['positive', 'mixed', 'negative']), what: z.string(), asked: z.int().min(1), wrong: z.array(z.string()) });
const summary = z.strictObject({
  apiVersion: z.literal('rotate-ca/v1'),
  kind: z.literal('Rehearsal'),
  state: z.literal('succeeded'),
  steps: z.int(),
  tookMs: z.number(),
  checks: z.array(check).length(11),
  api: z.strictObject({
    ...count.shape,
    places: z.strictObject({ 'load balancer': count, cp1: count }),
    failures: z.array(z.strictObject({ atMs: z.number(), untilMs: z.number(), place: z.string(), reason: z.string() })),
  }),
  pods: z.looseObject({ asking: z.int().min(1), requests: z.int().min(1), failures: z.int() }),
  sweep: z.strictObject({ nodes: z.literal(2), files: z.int().min(50), objects: z.int().min(100), found: z.array(z.string()).length(0) }),
  notReproduced: z.array(z.string()),
  troubles: z.array(z.string()),
  failures: z.array(z.unknown()).length(0),
});
const kept = z.strictObject({
  apiVersion: z.literal('rotate-ca/v1'),
  kind: z.literal('Kept'),
  folder: z.string(),
  sshConfig: z.string(),
  kubeconfig: z.string(),
  env: z.record(z.string(), z.string()),
});

describe('a rehearsal', () => {
  let place: RehearsalPlace;
  let run: StartedRehearsal;
  const objects = (): { readonly kind: string; readonly fact?: { readonly type: string; readonly step?: string; readonly message?: string } }[] =>
    run
      .stdout()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { kind: string });

  beforeAll(async () => {
    place = rehearsalPlace();
    run = place.start(['--topology', 'small', '--keep', '-o', 'json']);
    await run.until(/"kind":"Kept"/);
  });
  afterAll(() => place.remove());

  it('ends with a summary of this shape, in which nothing went wrong', () => {
    const found = objects().filter(({ kind }) => kind === 'Rehearsal');
    expect(found).toHaveLength(1);
    const read = summary.parse(found[0]);
    // A busy machine can miss the second that a request has; every other failure would be one of the rotation.
    expect(read.troubles.filter((trouble) => !/requests/.test(trouble))).toEqual([]);
    expect(read.api.failures.filter(({ reason }) => !/ETIMEDOUT|timed out|deadline/.test(reason))).toEqual([]);
    expect(new Set(read.checks.map(({ side }) => side))).toEqual(new Set(['mixed', 'positive', 'negative']));
  });

  it('tells each fact as a line of JSON, and says when it starts', () => {
    expect(new Set(objects().map(({ kind }) => kind))).toEqual(new Set(['Fact', 'Rehearsal', 'Kept']));
    expect(run.stderr()).toMatch(/^Starting a staging cluster: 1 control plane, 1 worker,[\s\S]*\nIt is up after \d+\.\d s\.\nPlanned: \d+ steps\b/);
  });

  it('has waited for the volumes of pods on each node', () => {
    const proofs = objects().flatMap(({ fact }) => (fact?.type === 'note' && /^volumes-/.test(fact.step ?? '') ? [fact.message ?? ''] : []));
    expect(proofs.filter((message) => /mounted into a pod holds: outgoing \+ incoming: proved/.test(message))).toHaveLength(2);
    expect(proofs.filter((message) => /mounted into a pod holds: incoming: proved/.test(message))).toHaveLength(2);
  });

  it('keeps a journal that holds no secret, and what to look at it with', () => {
    const { folder, env } = kept.parse(objects().find(({ kind }) => kind === 'Kept'));
    const runs = join(folder, 'state', 'runs');
    const [name = ''] = readdirSync(runs);
    const journal = readFileSync(join(runs, name, 'journal.jsonl'), 'utf8');
    expect(journal.split('\n').length).toBeGreaterThan(300);
    expect(findSecret(journal)).toBeUndefined();
    expect(findSecret(run.stdout())).toBeUndefined();
    expect(Object.keys(env)).toContain('VAULT_ADDR');
  });

  it('is gone after Ctrl-C, with the exit code of what it has shown', async () => {
    const wasWell = summary.parse(objects().find(({ kind }) => kind === 'Rehearsal')).troubles.length === 0;
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(wasWell ? 0 : 1);
    expect(place.left()).toEqual(nothing);
  });
});
