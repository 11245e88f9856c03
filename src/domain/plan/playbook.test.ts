import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Failure, failuresOf } from '../errors.js';
import { duration } from './duration.js';
import { readPlaybook } from './playbook.js';

const kinds = new Map([
  ['renew-kubelets', { params: z.strictObject({ trusts: z.array(z.enum(['outgoing', 'incoming'])).min(1), identity: z.enum(['keep', 'incoming']).default('keep') }) }],
  ['issue-ca', { params: z.strictObject({ ttl: duration.prefault('1h') }) }],
]);

const good = `apiVersion: rotate-ca/v1
kind: Playbook
name: small
description: A small one.
steps:
  - name: issue-ca
    kind: issue-ca
    title: Issue
    params: { ttl: 87600h }
    timeout: 1m30s
    ifItFails: Nothing.
    rollback: Delete it.
  - name: renew-kubelets
    kind: renew-kubelets
    title: Renew
    params: { trusts: [outgoing, incoming] }
    batch: { size: 25%, per: worker }
    gate: { name: go, question: Go? }
    timeout: 6m
    ifItFails: Nodes become NotReady.
    rollback: Put it back.
    needs: [issue-ca]
`;

function refusals(text: string): readonly Failure[] {
  try {
    readPlaybook(text, 'pb.yaml', kinds);
  } catch (error) {
    const failures = failuresOf(error);
    if (failures === undefined) throw error;
    return failures;
  }
  return [];
}

describe('playbooks', () => {
  it('are read as they are written', () => {
    const playbook = readPlaybook(good, 'pb.yaml', kinds);
    expect(playbook).toMatchObject({ file: 'pb.yaml', name: 'small', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(playbook.steps[0]).toMatchObject({ name: 'issue-ca', params: { ttl: '87600h' }, deadlineMs: 90_000, needs: [] });
    expect(playbook.steps[1]).toMatchObject({ batch: { size: '25%', per: 'worker' }, gate: { name: 'go', question: 'Go?' }, needs: ['issue-ca'] });
  });

  it.each([
    ['an unknown kind', 'kind: renew-kubelets', 'kind: renew-kublets', '14:11', 'unknown kind of step "renew-kublets"', 'Did you mean "renew-kubelets"?'],
    ['a mistyped key', 'title: Renew', 'titel: Renew', '15:5', 'unknown key "titel"', 'Did you mean "title"?'],
    ['a mistyped parameter', '{ ttl: 87600h }', '{ tll: 87600h }', '9:15', 'unknown key "tll"', 'Did you mean "ttl"?'],
    ['a number without unit', 'timeout: 6m', 'timeout: 30', '19:14', '"steps.1.timeout" has a wrong value', ''],
    ['a wrong unit', 'ttl: 87600h', 'ttl: 10y', '9:20', '"ttl" has a wrong value', ''],
    ['a share without a percent sign', 'size: 25%', 'size: 0.25', '17:20', '"steps.1.batch.size" has a wrong value', ''],
    ['a wrong word', 'outgoing, incoming', 'outgoing, incomming', '16:34', '"trusts.1" has a wrong value', 'Did you mean "incoming"?'],
    ['a wrong role', 'per: worker', 'per: workers', '17:30', '"steps.1.batch.per" has a wrong value', 'Did you mean "worker"?'],
    ['a missing key', '    timeout: 6m\n', '', '13:5', '"steps.1.timeout" is missing', ''],
    ['a step twice', 'name: renew-kubelets', 'name: issue-ca', '13:11', 'a second step "issue-ca"', ''],
    ['a need that comes later', 'needs: [issue-ca]', 'needs: [isue-ca]', '22:13', 'no step "isue-ca" stands before this one', 'Did you mean "issue-ca"?'],
    ['a name with capitals', 'name: small', 'name: Small', '3:7', '"name" has a wrong value', ''],
    ['another version', 'rotate-ca/v1', 'rotate-ca/v2', '1:13', '"apiVersion" has a wrong value', ''],
    ['a duplicate key', 'name: small', 'name: small\nname: other', '4:1', 'this is not the YAML that is meant', ''],
    ['an unknown tag', 'title: Issue', 'title: !secret Issue', '8:12', 'this is not the YAML that is meant', ''],
    ['a merge key', 'title: Issue', 'title: Issue\n    <<: {}', '9:5', 'unknown key "<<"', ''],
    ['a tab', '    title: Issue', '\ttitle: Issue', '8:1', 'this is not the YAML that is meant', ''],
  ])('%s is refused where it stands', (_what, before, after, place, summary, hint) => {
    const failures = refusals(good.replace(before, after));
    expect(failures.map(({ code, target, summary: s }) => `${code} ${target} ${s}`).join('\n')).toContain(`playbook-invalid pb.yaml:${place} ${summary}`);
    expect(failures.map(({ nextAction }) => nextAction).join('\n')).toContain(hint);
  });

  it('all that is wrong is told at once, in the order of the file', () => {
    const failures = refusals(good.replace('timeout: 6m', 'timeout: 6d').replace('kind: issue-ca', 'kind: isue-ca').replace('name: small', 'nam: small'));
    expect(failures.map(({ target }) => target)).toEqual(['pb.yaml:1:1', 'pb.yaml:3:1', 'pb.yaml:7:11', 'pb.yaml:19:14']);
  });

  it('the line is shown with a caret', () => {
    const [failure] = refusals(good.replace('timeout: 6m', 'timeout: 6d'));
    expect(failure?.cause).toContain('write hours');
    expect(failure?.cause).toContain('19 |     timeout: 6d\n     |              ^^');
  });

  it.each([
    ['nothing', ''],
    ['a list', '- a'],
    [
      'an alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
        .split('')
        .map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefghij'[i]}`).join(',')}]`)
        .join('\n')}`,
    ],
    ['an alias in itself', 'a: &a [*a]'],
    ['deep nesting', '['.repeat(50_000)],
    ['a long file', 'x'.repeat(2_000_000)],
    ['several documents', `${good}---\n${good}`],
    ['binary', '\u0000\u0001\uFFFD'],
  ])('%s is refused, and fast', (_what, text) => {
    // Processor time: what else the machine does is not counted.
    const before = process.cpuUsage();
    expect(refusals(text)[0]?.code).toBe('playbook-invalid');
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(5000);
  });

  it('nothing but a RotationError is ever thrown', () => {
    const damaged = fc.tuple(fc.nat(good.length), fc.nat(20), fc.string({ maxLength: 10 })).map(([at, cut, put]) => good.slice(0, at) + put + good.slice(at + cut));
    fc.assert(
      fc.property(fc.oneof(damaged, fc.string(), fc.json()), (text) => {
        refusals(text);
      }),
      { numRuns: 500 },
    );
  });
});
