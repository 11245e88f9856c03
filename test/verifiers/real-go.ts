/** Go's crypto/x509 itself: one process for the whole table. The program is built once for each version of it and of Go. */

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChainQuestion } from '../../src/domain/pki/chain-certificate.js';

const source = join(dirname(fileURLToPath(import.meta.url)), 'go', 'main.go');

export interface GoAnswers {
  readonly chains: readonly { readonly fault: string; readonly text: string }[];
  /** Numbers of certificates, -1 where the bundle is refused: by ParseCertsPEM of client-go, and by AppendCertsFromPEM. */
  readonly bundles: readonly { readonly clientGo: number; readonly tls: number }[];
}

/** Why it cannot be asked here. undefined: it can. */
export function whyNoGo(): string | undefined {
  return spawnSync('go', ['version']).status === 0 ? undefined : 'there is no program go';
}

export function askGo(questions: readonly ChainQuestion[], bundles: readonly Buffer[]): GoAnswers {
  const chains = questions.map(({ leaf, intermediates = [], bundle, atMs, usage, name = '' }) => ({
    leaf: leaf.der.toString('base64'),
    intermediates: intermediates.map(({ der }) => der.toString('base64')),
    roots: bundle.certificates.map(({ der }) => der.toString('base64')),
    atMs,
    usage,
    name,
  }));
  const input = JSON.stringify({ chains, bundles: bundles.map((bytes) => bytes.toString('base64')) });
  return JSON.parse(execFileSync(program(), { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })) as GoAnswers;
}

function program(): string {
  const version = execFileSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' });
  const key = createHash('sha256').update(version).update(readFileSync(source)).digest('hex').slice(0, 16);
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rotate-ca-tests');
  const path = join(folder, `verifier-${key}`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  // Under another name first: two runs may build it at the same time.
  const own = `${path}.${process.pid}`;
  execFileSync('go', ['build', '-o', own, source], { stdio: 'pipe', env: { ...process.env, GO111MODULE: 'off', GOFLAGS: '' } });
  renameSync(own, path);
  return path;
}
