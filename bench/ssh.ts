/** SSH: scripts over one open connection, with Nagle's delay off as the adapter has it, beside ssh2's default. */

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type Client } from 'ssh2';
import { openShells } from '../src/adapters/ssh/open-shells.js';
import type { Measurement, Row, Skipped } from './measurement.js';
import { inTurns, repeat } from './rounds.js';
import { startSshServer } from './ssh-server.js';

const scripts = 10;

async function run(): Promise<Row[] | Skipped> {
  if (spawnSync('ssh', ['-V']).error !== undefined) return { skipped: 'the adapter asks the program ssh how to reach a host, and there is none' };
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-bench-ssh-'));
  const key = ssh2.utils.generateKeyPairSync('ed25519');
  const keyFile = join(folder, 'key');
  const knownHosts = join(folder, 'known_hosts');
  const sshConfigFile = join(folder, 'config');
  const server = await startSshServer();
  writeFileSync(keyFile, key.private, { mode: 0o600 });
  writeFileSync(knownHosts, `[127.0.0.1]:${server.port} ${server.hostKey}\n`);
  writeFileSync(sshConfigFile, `Host *\n  User root\n  IdentityFile ${keyFile}\n  IdentitiesOnly yes\n  UserKnownHostsFile ${knownHosts}\n`);
  const hosts = [{ name: 'cp1', sshHost: '127.0.0.1', sshPort: server.port, become: true }];
  const shells = openShells({ hosts, sshConfigFile, env: { PATH: process.env.PATH, HOME: folder }, log: () => undefined });
  const plain = new ssh2.Client();
  try {
    plain.connect({ host: '127.0.0.1', port: server.port, username: 'root', privateKey: key.private });
    await once(plain, 'ready');
    const ours = (): Promise<unknown> => shells.to('cp1').must('true', { deadlineMs: 10_000 });
    const times = await inTurns(
      () => repeat(scripts, 1, ours),
      () => repeat(scripts, 1, () => execute(plain)),
      { rounds: 3 },
    );
    return [
      {
        measurement: 'ssh: one script over an open connection, ms',
        ours: times.ours / scripts,
        baseline: times.baseline / scripts,
        against: 'exec of ssh2 as it comes, no setNoDelay',
      },
    ];
  } finally {
    plain.end();
    await shells.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function execute(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.exec('true', (error, channel) => {
      if (error !== undefined) return reject(error);
      channel.on('close', () => resolve());
      channel.resume();
      channel.stderr.resume();
      channel.end();
    });
  });
}

export const sshMeasurement: Measurement = { name: 'ssh', run };
