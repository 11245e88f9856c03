import { describe, expect, it } from 'vitest';
import { failure } from '../domain/errors.js';
import type { Fact } from '../domain/run/facts.js';
import { noticeOf } from './notices.js';

const by = 'sre';
const problem = failure('ssh-lost', { target: 'w1', summary: 'lost', cause: 'reset', nextAction: 'Resume' });
const plan = { steps: [{ id: 'a', kind: 'k', title: 'Trust both', params: {}, targets: ['w1'], deadlineMs: 1, ifItFails: '', rollback: '' }] };

describe('noticeOf', () => {
  it.each<[Fact, string, string]>([
    [{ type: 'run.opened', run: 'r1', planDigest: '0123456789abcdef', tool: 'rotate-ca 1', cluster: 'u' }, 'decision', 'run r1 opened by rotate-ca 1 on plan 0123456789ab'],
    [{ type: 'run.submitted', by }, 'decision', 'begun by sre'],
    [{ type: 'run.approved', gate: 'switch', by, digest: 'd' }, 'decision', 'gate "switch" approved by sre'],
    [{ type: 'run.pauseAsked', by }, 'decision', 'sre asks for a pause: stops before the next target'],
    [{ type: 'run.resumed', by }, 'decision', 'resumed by sre'],
    [{ type: 'run.rollbackAsked', by }, 'decision', 'sre asks for the way back'],
    [{ type: 'run.forwardAsked', by }, 'decision', 'sre asks to go forward again'],
    [{ type: 'plan.amended', digest: '0123456789abcdef', reason: 'w4 joined', by }, 'decision', 'plan made anew (0123456789ab) by sre: w4 joined'],
    [{ type: 'step.marked', step: 'a', target: 'w1', mark: 'verified', attempt: 1 }, 'work', 'verified'],
    [{ type: 'step.failed', step: 'a', phase: 'apply', direction: 'forward', failures: [problem, problem] }, 'problem', 'lost (w1): reset. Resume\nlost (w1): reset. Resume'],
    [{ type: 'guard.tripped', failure: problem }, 'problem', 'lost (w1): reset. Resume'],
    [{ type: 'guard.cleared' }, 'problem', 'the API answers again'],
    [{ type: 'artefact.recorded', name: 'incoming.crt', sha256: '0123456789abcdef' }, 'detail', 'incoming.crt (sha256 0123456789ab)'],
    [{ type: 'note', step: 'a', target: 'w1', message: 'waits' }, 'detail', 'waits'],
    [{ type: 'phase.ended', step: 'a', phase: 'apply', ms: 1_240 }, 'detail', 'apply took 1.2 s'],
    [{ type: 'run.ended', outcome: 'succeeded' }, 'end', 'succeeded'],
    [{ type: 'outgoing.destroyed', copies: ['cp1:/etc/kubernetes/pki/ca.key'], by }, 'end', 'copies of the outgoing key destroyed by sre: cp1:/etc/kubernetes/pki/ca.key'],
  ])('$type', (fact, level, text) => {
    expect(noticeOf({ seq: 3, at: 'then', fact }, plan)).toMatchObject({ seq: 3, at: 'then', level, text });
  });

  it('has the title of the step', () => {
    const fact: Fact = { type: 'note', step: 'a', target: 'w1', message: 'waits' };
    expect(noticeOf({ seq: 1, at: '', fact }, plan).title).toBe('Trust both');
    expect(noticeOf({ seq: 1, at: '', fact: { ...fact, step: 'gone' } }, plan).title).toBeUndefined();
  });
});
