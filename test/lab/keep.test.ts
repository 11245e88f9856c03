/** --keep: what is printed works as it is printed, with Debian's ssh, and kubectl and vault of the lab. Needs their programs, and no cluster. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labPaths } from '../../lab/lab.js';
import { nothing, type RehearsalPlace, rehearsalPlace, type StartedRehearsal } from '../support/rehearsal.js';

const { bin } = labPaths();
const programs = [`${bin}/kubectl`, `${bin}/vault`, '/usr/bin/ssh'];
const missing = programs.filter((program) => !existsSync(program));

describe.skipIf(missing.length > 0)(`a cluster that is kept${missing.length === 0 ? '' : ` (skipped: there is no ${missing.join(', ')})`}`, () => {
  let place: RehearsalPlace;
  let run: StartedRehearsal;
  let commands: readonly string[];

  beforeAll(async () => {
    place = rehearsalPlace();
    run = place.start(['--topology', '1+2', '--keep']);
    await run.until(/Ctrl-C removes it\./);
    commands = run
      .stdout()
      .slice(run.stdout().indexOf('The cluster is still up.'))
      .split('\n')
      .flatMap((line) => (line.startsWith('    ') ? [line.trim()] : []));
  });
  afterAll(() => place.remove());

  /** One shell, as the lines before it have left it; a login on a node is given something to do. */
  function pasted(upTo: string): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    const last = commands.indexOf(upTo);
    const lines = commands.slice(0, last + 1).map((command) => (/^ssh -F \S+ \w+$/.test(command) ? `echo 'hostname; sudo -n id -u' | ${command} -T` : command));
    const quiet = lines.slice(0, -1).map((line) => (/^(export|\.) /.test(line) || line.includes(' > ') ? line : `: ${JSON.stringify(line)}`));
    return new Promise((resolve) => {
      const child = execFile(
        '/bin/bash',
        ['-c', [...quiet, lines.at(-1) ?? 'false'].join('\n')],
        { env: { PATH: `${process.env.PATH ?? ''}:${bin}`, HOME: place.tmp }, timeout: 300_000 },
        (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      );
      child.stdin?.end();
    });
  }

  it('says what it has done, for people', () => {
    expect(run.stdout()).toMatch(/^\nRehearsed: cluster-ca\.yaml on 3 nodes in \d+ s, succeeded\n/);
    for (const words of ['Rotated ', 'Mixed ', 'Accepted ', 'Refused ', 'API ', 'Pods ', 'found nowhere: ']) expect(run.stdout()).toContain(words);
    expect(run.stderr()).toMatch(/✓ 1\d\/\d+ /);
  });

  it('prints commands for ssh, kubectl and vault', () => {
    expect(commands.filter((command) => command.startsWith('ssh '))).toHaveLength(3);
    expect(commands).toEqual(
      expect.arrayContaining([
        'kubectl get nodes,pods -A',
        'kubectl get --raw /readyz',
        'kubectl describe node cp1',
        'vault status',
        'vault list pki-k8s/issuers',
        'vault read pki-k8s/cert/ca',
      ]),
    );
  });

  const works = async (_: string, find: RegExp, wanted: RegExp): Promise<void> => {
    const command = commands.find((one) => find.test(one)) ?? '';
    const { code, stdout, stderr } = await pasted(command);
    expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: '' });
    expect(stdout).toMatch(wanted);
  };

  it.each<[what: string, find: RegExp, wanted: RegExp]>([
    ['a control plane', /^ssh -F \S+ cp1$/, /^cp1\n0\n$/],
    ['a node behind another', /^ssh -F \S+ w2$/, /^w2\n0\n$/],
    ['admin.conf', / sudo cat \/etc\/kubernetes\/admin\.conf > /, /^$/],
    ['nodes and pods', /^kubectl get nodes,pods/, /node\/cp1 +Ready +control-plane[\s\S]*kube-system +pod\/kube-apiserver-cp1 +1\/1 +Running/],
    ['readyz', /^kubectl get --raw/, /^ok$/],
    ['a node described', /^kubectl describe/, /^Name: +cp1\n[\s\S]*Conditions:[\s\S]*Ready +True/],
    ['logs', /^kubectl .* logs /, /\n/],
    ['the state of Vault', /^vault status/, /Sealed +false/],
    ['issuers', /^vault list/, /^Keys\n----\n[0-9a-f-]{36}\n/],
    ['a CA', /^vault read/, /certificate +-----BEGIN CERTIFICATE-----/],
    ['the surroundings', /^\. /, /^$/],
  ])('%s', works);

  it('is gone after Ctrl-C', async () => {
    run.child.kill('SIGINT');
    expect([0, 1]).toContain(await run.ended);
    expect({ ...place.left(), files: [] }).toEqual(nothing);
    expect(place.left().files.filter((name) => name.startsWith('rotate-ca-staging'))).toEqual([]);
  });
});
