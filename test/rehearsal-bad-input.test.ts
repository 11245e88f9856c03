/** What a rehearsal refuses, with exit code and words, and that nothing is left of it. */

import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Inventory } from '../src/domain/cluster/inventory.js';
import { makeKeyPair } from '../src/x509/key-pair.js';
import { recordedPlan } from './support/recorded-run.js';
import { nothing, type RehearsalPlace, rehearsalPlace } from './support/rehearsal.js';

const again = 'Make it again with "rotate-ca plan --out plan.json", then give --from plan.json.';
const secretNext = 'Delete the file where it does not belong, replace the key if others could read it, and make the plan again with "rotate-ca plan --out plan.json".';
const secretWhy = 'a plan never holds one: somebody has added it, or another file was given';
const pem = (await makeKeyPair('ecdsa-p256')).privateKeyPem.reveal().toString('utf8');
const inventory = JSON.parse(readFileSync('fixtures/inventories/kubeadm-ha.json', 'utf8')) as Inventory;
const recording = JSON.stringify(inventory, null, 1);
const certificate = Buffer.from('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n');

let place: RehearsalPlace;
let plan = '';
beforeAll(() => {
  place = rehearsalPlace();
  plan = JSON.stringify(recordedPlan(place.tmp), null, 1);
});
afterAll(() => place.remove());

async function refused(args: readonly string[], options: Parameters<RehearsalPlace['start']>[1] = {}): Promise<{ code: number | string; stderr: string }> {
  const run = place.start(args, options);
  const code = await run.ended;
  expect(run.stdout()).toBe('');
  return { code, stderr: run.stderr() };
}

/** Line and column of a text. */
function at(text: string, what: string): string {
  return endOf(text.slice(0, text.indexOf(what)));
}

function endOf(text: string): string {
  const before = text.split('\n');
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

const into = (text: string, value: string): string => text.replace('"name": "cp1"', `"name": "cp1",\n "extra": ${JSON.stringify(value)}`);

describe('--from', () => {
  it.each<[string, () => { readonly text: string; readonly where: string; readonly words: readonly [code: string, summary: string, why: string, next: string] }]>([
    [
      'a truncated plan',
      () => ({ text: plan.slice(0, 4000), where: endOf(plan.slice(0, 4000)), words: ['plan-invalid', 'the file is truncated', 'it ends in the middle', again] }),
    ],
    [
      'a plan of another version',
      () => {
        const text = plan.replace('"apiVersion": "rotate-ca/v1"', '"apiVersion": "rotate-ca/v9"');
        return {
          text,
          where: at(text, '"apiVersion"'),
          words: ['plan-invalid', 'the file is of another version', 'its apiVersion is "rotate-ca/v9", this program reads "rotate-ca/v1"', again],
        };
      },
    ],
    [
      'a key in a plan',
      () => {
        const text = into(plan, pem);
        return { text, where: at(text, '-----BEGIN'), words: ['plan-invalid', 'the file holds a secret (PEM private key)', secretWhy, secretNext] };
      },
    ],
    [
      'base64 of a key in a plan',
      () => {
        const text = into(plan, Buffer.from(pem).toString('base64'));
        return { text, where: at(text, 'LS0tLS1CRUdJTi'), words: ['plan-invalid', 'the file holds a secret (base64 of a PEM private key)', secretWhy, secretNext] };
      },
    ],
    [
      'base64 of a certificate and a key behind it',
      () => {
        const encoded = Buffer.concat([certificate, Buffer.from(pem)]).toString('base64');
        const text = into(plan, encoded);
        return { text, where: at(text, `"${encoded}`), words: ['plan-invalid', 'the file holds a secret (base64 of a PEM private key)', secretWhy, secretNext] };
      },
    ],
    [
      'a key with escaped characters',
      () => {
        const text = plan.replace('"name": "cp1"', `"name": "cp1",\n "extra": ${JSON.stringify(pem).replaceAll('-', '\\u002d')}`);
        return { text, where: at(text, '"\\u002d'), words: ['plan-invalid', 'the file holds a secret (PEM private key)', secretWhy, secretNext] };
      },
    ],
    [
      'a truncated inventory',
      () => ({ text: recording.slice(0, 4000), where: endOf(recording.slice(0, 4000)), words: ['inventory-invalid', 'the file is truncated', 'it ends in the middle', again] }),
    ],
    [
      'an inventory of another version',
      () => ({
        text: recording.replace('rotate-ca/v1', 'rotate-ca/v0'),
        where: '2:2',
        words: ['inventory-invalid', 'the file is of another version', 'its apiVersion is "rotate-ca/v0", this program reads "rotate-ca/v1"', again],
      }),
    ],
    [
      'a key in an inventory',
      () => {
        const text = into(recording, pem);
        return { text, where: at(text, '-----BEGIN'), words: ['inventory-invalid', 'the file holds a secret (PEM private key)', secretWhy, secretNext] };
      },
    ],
  ])('%s', async (what, make) => {
    const { text, where, words } = make();
    const file = join(place.tmp, `../${what.replaceAll(' ', '-')}.json`);
    writeFileSync(file, text);
    const { code, stderr } = await refused(['--from', file]);
    const [errorCode, summary, why, next] = words;
    expect({ code, stderr }).toEqual({ code: 64, stderr: `Error ${errorCode}: ${summary} (${file}:${where})\n  Why:  ${why}\n  Next: ${next}\n` });
    expect(place.left()).toEqual(nothing);
  });

  it('an edited plan', async () => {
    const file = join(place.tmp, '../edited.json');
    const { steps, ...rest } = JSON.parse(plan) as { steps: unknown[] };
    writeFileSync(file, JSON.stringify({ ...rest, steps: steps.slice(1) }));
    const { code, stderr } = await refused(['--from', file]);
    expect(code).toBe(64);
    expect(stderr).toMatch(/^Error plan-invalid: the plan was edited after it was made \(.*edited\.json\)\n/);
    expect(place.left()).toEqual(nothing);
  });
});

describe('flags', () => {
  it('a playbook with errors is refused before a cluster is made', async () => {
    const file = join(place.tmp, '../bad.yaml');
    const text = readFileSync('playbooks/cluster-ca.yaml', 'utf8').replace('kind: switch-signer', 'kind: swich-signer');
    writeFileSync(file, text);
    const { code, stderr } = await refused(['--playbook', file]);
    expect({ code, first: stderr.split('\n')[0] }).toEqual({
      code: 64,
      first: `Error playbook-invalid: unknown kind of step "swich-signer" (${file}:${at(text, 'swich-signer')})`,
    });
    expect(stderr).toMatch(/Did you mean "switch-signer"\?/);
    expect(stderr).not.toContain('Starting');
    expect(place.left()).toEqual(nothing);
  });

  it('an unknown topology', async () => {
    expect(await refused(['--topology', '2+1'])).toEqual({
      code: 64,
      stderr:
        'Error usage: "2+1" is no topology (--topology)\n  Why:  etcd needs 1, 3 or 5 control planes, and there are 1 to 1000 workers\n  Next: Give "small" (1+1), "ha" (3+3) or CONTROLPLANES+WORKERS, as "3+20"; "hard-way" (3+2) or "hard-way:1+1" for one that was made by hand.\n',
    });
  });
});

describe('ports', () => {
  it('a block with a taken port is left out, be it that of a kubelet', async () => {
    const servers = await Promise.all(['127.77.0.1:6443', '127.78.1.1:10250'].map(take));
    const run = place.start(['--topology', 'small']);
    const [, block = ''] = await run.until(/on 127\.(\d+)\.x\.y/);
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(130);
    expect(['77', '78']).not.toContain(block);
    for (const server of servers) server?.close();
    expect(place.left()).toEqual(nothing);
  });

  /** undefined: another program has it already, which is as good. */
  function take(at: string): Promise<ReturnType<typeof createServer> | undefined> {
    const [host = '', port = ''] = at.split(':');
    return new Promise((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(undefined));
      server.listen(Number(port), host, () => resolve(server));
    });
  }
});

// A network, a mount table of its own: what is taken, full or read-only there disturbs nobody else.
const apart = ['unshare', '--user', '--map-root-user', '--net', '--mount', 'sh', '-c'];
const canBeApart = spawnSync(apart[0] ?? '', [...apart.slice(1), 'mount -t tmpfs tmpfs /mnt'], { stdio: 'ignore' }).status === 0;
const reason = canBeApart ? '' : ' (skipped: this machine lets nobody make a namespace of its own with unshare)';

describe.skipIf(!canBeApart)(`a machine that cannot do it${reason}`, () => {
  const inside = (before: string): { readonly inside: readonly string[] } => ({ inside: [...apart, `${before}\nexec "$0" "$@"`] });
  const up = 'ip link set lo up';
  const hasIp = spawnSync('ip', ['-V'], { stdio: 'ignore' }).status === 0;
  const taker = `const net = require('node:net'); let n = 0; for (let b = 77; b <= 126; b++) net.createServer().listen(8200, '127.' + b + '.0.1', () => { if (++n === 50) console.log('all'); });`;

  it.skipIf(!hasIp)(`every block has a taken port${hasIp ? '' : ' (skipped: no program ip)'}`, async () => {
    const run = await refused(['--topology', 'small'], inside(`${up}\nmkfifo $HOME/taken\n"$0" -e "${taker}" > $HOME/taken 2>/dev/null &\nread all < $HOME/taken`));
    expect(run).toEqual({
      code: 64,
      stderr:
        'Error usage: no block of loopback addresses is free for a staging cluster (127.126.0.1:8200)\n  Why:  in each of 127.77 to 127.126 a port is taken, the last of them 127.126.0.1:8200\n  Next: See who listens there with "ss -ltnp", end it, and run the command again.\n',
    });
    for (const line of place.left().processes) if (line.includes('createServer')) process.kill(Number(line.split(' ')[0]));
    expect(await place.leftAfter(5_000)).toEqual(nothing);
  });

  it('no loopback addresses', async () => {
    expect(await refused(['--topology', 'small'], inside('true'))).toEqual({
      code: 64,
      stderr:
        'Error usage: this machine has no loopback addresses for a staging cluster (127.77.0.1)\n  Why:  nobody reaches 127.77.0.1 (ENETUNREACH): the loopback interface is down, or has 127.0.0.1 alone as on macOS\n  Next: Run it on Linux, in a container or a virtual machine for example, with the interface "lo" up.\n',
    });
  });

  it.each<[string, string, number, RegExp]>([
    [
      'no temporary folder',
      'export TMPDIR=/nowhere/to/be',
      64,
      /^Error usage: no folder can be made for the staging cluster \(\/nowhere\/to\/be\)\n {2}Why: {2}ENOENT: .*mkdtemp.*\n {2}Next: Set TMPDIR to a folder in which you may write\.\n$/m,
    ],
    [
      'a temporary folder that cannot be written',
      'mount -t tmpfs -o ro tmpfs $TMPDIR',
      64,
      /^Error usage: no folder can be made for the staging cluster \(.*\)\n {2}Why: {2}EROFS: .*\n {2}Next: Set TMPDIR to a folder in which you may write\.\n$/m,
    ],
    [
      'one that is full',
      'mount -t tmpfs -o size=8k tmpfs $TMPDIR; head -c 8192 /dev/zero > $TMPDIR/full',
      1,
      /^Error disk-full: the temporary folder is full \(.*\)\n {2}Why: {2}.*ENOSPC.*\n {2}Next: Make room there, or set TMPDIR to a folder that has some\. Nothing is left of this rehearsal\.\n$/m,
    ],
    [
      'one that gets full while the cluster is made',
      'mount -t tmpfs -o size=300k tmpfs $TMPDIR',
      1,
      /^Error disk-full: the temporary folder is full \(.*\)\n {2}Why: {2}.*ENOSPC.*\n {2}Next: Make room there, or set TMPDIR to a folder that has some\. Nothing is left of this rehearsal\.\n$/m,
    ],
  ])('%s', async (_, before, code, words) => {
    const run = await refused(['--topology', 'small'], inside(`${hasIp ? up : 'true'}\n${before}`));
    expect(run.stderr).toMatch(words);
    expect(run.code).toBe(code);
    expect(run.stderr).not.toContain('defect');
    expect(await place.leftAfter(5_000)).toEqual(nothing);
  });
});
