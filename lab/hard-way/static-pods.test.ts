import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { staticPod, withVariables } from './static-pods.js';
import { units } from './units.js';

describe('a master whose components are pods', () => {
  it.each([
    [['--a', '$MORE', '--z'], 'MORE="--b=1 --c"\n', ['--a', '--b=1', '--c', '--z']],
    [['$ONE', '$TWO'], 'ONE="--1"\nTWO="--2"\n', ['--1', '--2']],
  ])('has the flags %j of the unit with %j', (flags, environment, expected) => {
    expect(withVariables(flags, environment)).toEqual(expected);
  });

  it('is found by the label by which the article deletes it', () => {
    const unit = units.find(({ name }) => name === 'kube-scheduler');
    if (unit === undefined) throw new Error('there is no scheduler');
    expect(parse(staticPod(unit, 'KUBE_SCHEDULER_ARGS="--leader-elect=true"'))).toMatchObject({
      metadata: { labels: { component: 'kube-scheduler' } },
      spec: { containers: [{ command: ['/usr/local/bin/kube-scheduler', '--leader-elect=true'] }] },
    });
  });
});
