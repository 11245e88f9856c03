import { describe, expect, it } from 'vitest';
import { followOutages, isAnswered, isCutover, longest } from './rehearse-outages.js';

const at = (atMs: number, served: boolean, answered = served) => ({ atMs, nowMs: atMs + 10, served, answered });

describe('followOutages', () => {
  it('tells when nobody answered, and when this client was not served', () => {
    const follower = followOutages();
    for (const [ms, served, answered] of [
      [0, true, true],
      [100, false, false],
      [200, false, false],
      [300, false, true],
      [400, true, true],
      [500, true, true],
      [600, false, true],
    ] as const)
      follower.seen('load balancer', at(ms, served, answered));
    follower.seen('cp1', at(0, true));
    expect(follower.all()).toEqual([
      { place: 'load balancer', kind: 'unserved', fromMs: 100, untilMs: 410 },
      { place: 'load balancer', kind: 'away', fromMs: 100, untilMs: 310 },
      { place: 'load balancer', kind: 'unserved', fromMs: 600, untilMs: undefined },
    ]);
    expect(longest(follower.all(), 'load balancer', 1_000)).toEqual({ away: 210, unserved: 400 });
    expect(longest(follower.all(), 'cp1', 1_000)).toEqual({ away: 0, unserved: 0 });
  });

  it('does not begin anew with an answer that comes late', () => {
    const follower = followOutages();
    follower.seen('cp1', at(100, false));
    follower.seen('cp1', at(200, true));
    follower.seen('cp1', { atMs: 150, nowMs: 1_150, served: false, answered: false });
    expect(follower.all().filter(({ kind }) => kind === 'away')).toEqual([{ place: 'cp1', kind: 'away', fromMs: 100, untilMs: 210 }]);
  });
});

it.each([
  ['HTTP 401', true],
  ['HTTP 500', false],
  ['HTTP 503', false],
  ['POST /apis had no answer: connect ECONNREFUSED 127.0.0.1:6443', false],
  ['The certificate of 127.0.0.1:6443 is not verified', true],
])('"%s" is an answer: %s', (reason, expected) => {
  expect(isAnswered(reason)).toBe(expected);
});

describe('isCutover', () => {
  const params = { safeParse: (data: unknown) => ({ success: true, data }) };
  const kinds = new Map([
    ['cut', { params, takesApiAway: (data: { stop: boolean }) => (data.stop ? ['forward', 'back'] : ['back']) }],
    ['plain', { params }],
  ]) as never;
  it.each([
    [[{ kind: 'plain', params: {} }], false],
    [
      [
        { kind: 'plain', params: {} },
        { kind: 'cut', params: { stop: true } },
      ],
      true,
    ],
    [[{ kind: 'cut', params: { stop: false } }], false],
    [[{ kind: 'unknown', params: {} }], false],
  ])('%j: %s', (steps, expected) => {
    expect(isCutover({ steps } as never, kinds)).toBe(expected);
  });
});
