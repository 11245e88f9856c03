import { describe, expect, it } from 'vitest';
import type { StagingNode } from '../node/staging-node.js';
import { assignmentsOf, loadUnit, secondsOf } from './unit-file.js';

function nodeWith(files: Readonly<Record<string, string>>): Pick<StagingNode, 'read' | 'list'> {
  return {
    read: (path) => (files[path] === undefined ? undefined : { bytes: Buffer.from(files[path]), ino: 1, mode: 0o644, mtimeMs: 5, ctimeMs: 5 }),
    list: (folder) =>
      Object.keys(files)
        .filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1)),
  };
}

const system = '/etc/systemd/system';

describe('assignmentsOf', () => {
  it.each([
    [
      'sections',
      '[Unit]\nA=1\n[Service]\nA = 2 \n',
      [
        ['Unit.A', '1'],
        ['Service.A', '2'],
      ],
    ],
    [
      'lines that go on, with a comment between',
      '[Service]\nExecStart=/bin/x \\\n  --a \\\n# not this\n  --b\nUser=u\n',
      [
        ['Service.ExecStart', '/bin/x    --a    --b'],
        ['Service.User', 'u'],
      ],
    ],
    ['comments', '# A=1\n; B=2\n[Service]\nC=3\n', [['Service.C', '3']]],
    ['an empty value', '[Service]\nExecStart=\n', [['Service.ExecStart', '']]],
  ])('%s', (_, text, expected) => {
    expect(assignmentsOf(text).map(({ key, value }) => [key, value])).toEqual(expected);
  });
});

it.each([
  ['2', 2],
  ['300ms', 0.3],
  ['1min 30s', 90],
  ['5min', 300],
  ['infinity', Number.POSITIVE_INFINITY],
])('%s is %d seconds', (text, expected) => {
  expect(secondsOf(text)).toBeCloseTo(expected);
});

describe('loadUnit', () => {
  it('reads the fragment and its drop-ins by their names', () => {
    const unit = loadUnit(
      nodeWith({
        [`${system}/etcd.service`]:
          '[Unit]\nAfter=network.target a.service\n[Service]\nType=notify\nUser=etcd\nEnvironmentFile=/etc/a.env\nExecStart=/bin/etcd --a\nRestart=always\nRestartSec=2\n',
        [`${system}/etcd.service.d/20-b.conf`]: '[Service]\nExecStart=\nExecStart=/bin/etcd --b\n',
        [`${system}/etcd.service.d/10-a.conf`]: '[Service]\nEnvironment="A=x y" B=z\nEnvironmentFile=-/etc/b.env\nRestartSec=5\n',
        [`${system}/etcd.service.d/README`]: '',
      }),
      'etcd.service',
    );
    expect(unit).toMatchObject({
      fragment: `${system}/etcd.service`,
      dropIns: [`${system}/etcd.service.d/10-a.conf`, `${system}/etcd.service.d/20-b.conf`],
      execStart: '/bin/etcd --b',
      environment: { A: 'x y', B: 'z' },
      environmentFiles: [
        { path: '/etc/a.env', mayBeMissing: false },
        { path: '/etc/b.env', mayBeMissing: true },
      ],
      user: 'etcd',
      type: 'notify',
      restart: 'always',
      restartSec: 5,
      timeoutStartSec: 90,
      after: ['network.target', 'a.service'],
    });
  });

  it('takes the file of /etc before that of /lib, and finds none where there is none', () => {
    const both = nodeWith({ '/lib/systemd/system/x.service': '', [`${system}/x.service`]: '' });
    expect(loadUnit(both, 'x.service')?.fragment).toBe(`${system}/x.service`);
    expect(loadUnit(both, 'y.service')).toBeUndefined();
  });
});
