import { describe, expect, it } from 'vitest';
import type { Holder, Shadow } from '../domain/trust/holders.js';
import { refuseUnknownHolder } from './handoff.js';
import { refuseWithoutAcks } from './shadow.js';

const holder = (id: string, more: Partial<Holder> = {}): Holder => ({
  id,
  kind: 'certificate',
  who: id.split('/')[0] ?? '',
  why: 'nobody knows it',
  nextAction: '',
  userAgents: [],
  addresses: [],
  asksAck: true,
  ...more,
});
const shadow = (...holders: Holder[]): Shadow => ({ holders, goOn: 0, unseen: [] });
const alice = holder('alice/3fa91c02');
const all = shadow(alice, holder('ci/00000001'), holder('pod app/old', { asksAck: false, who: 'pod app/old' }));

describe('whom can be acknowledged', () => {
  it.each(['alice', 'alice/3fa91c02', 'ci'])('%s', (text) => expect(() => refuseUnknownHolder(text, all)).not.toThrow());

  it.each<[string, Shadow, string, string]>([
    ['alcie', all, 'holders: alice/3fa91c02, ci/00000001', 'Did you mean "alice"? '],
    ['pod app/old', all, 'holders: alice/3fa91c02, ci/00000001', 'Give a holder'],
    ['alice', shadow(), 'nobody is asked for one', 'Give a holder'],
    ['', all, 'holders: alice/3fa91c02, ci/00000001', 'Give a holder'],
  ])('and not %j', (text, among, cause, next) =>
    expect(() => refuseUnknownHolder(text, among)).toThrow(
      expect.objectContaining({ failures: [expect.objectContaining({ code: 'usage', target: '--ack', cause, nextAction: expect.stringContaining(next) as string })] }),
    ),
  );
});

it('approval names each that is missing, and goes on once none is', () => {
  const refused = (of: Shadow) => () => refuseWithoutAcks(of, 'r1');
  expect(refused(shadow(alice))).toThrow(expect.objectContaining({ code: 'acks-missing', message: expect.stringContaining('alice/3fa91c02') as string }));
  expect(refused(shadow({ ...alice, isAcknowledged: true }))).not.toThrow();
});
