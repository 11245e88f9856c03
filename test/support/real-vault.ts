/** A real Vault server of one's own, in memory, on loopback: the binary that the lab has built. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeTlsFiles } from './tls-files.js';

export interface RawAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface RealVault {
  readonly address: string;
  readonly caFile: string;
  readonly rootToken: string;
  call(method: string, path: string, body?: unknown, token?: string): Promise<RawAnswer>;
  stop(): Promise<void>;
}

/** Where the lab keeps the binary; undefined if it has not been built. */
export function vaultProgram(): string | undefined {
  const file = join(process.env.ROTATE_CA_LAB ?? '/var/lib/rotate-ca-lab', 'bin', 'vault');
  return existsSync(file) ? file : undefined;
}

/** Starts it, initialised, and unsealed unless told otherwise. */
export async function startRealVault(options: { readonly sealed?: boolean } = {}): Promise<RealVault> {
  const program = vaultProgram();
  if (program === undefined) throw new Error('the lab has built no Vault');
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-vault-'));
  const files = await makeTlsFiles(folder);
  const port = await freePort();
  const initFile = join(folder, 'init.json');
  const child = spawn(
    program,
    ['-listen', `127.0.0.1:${port}`, '-init-file', initFile, '-tls-cert', files.certificateFile, '-tls-key', files.keyFile, ...(options.sealed === true ? ['-sealed'] : [])],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  await listening(child);
  const { root_token: rootToken } = JSON.parse(readFileSync(initFile, 'utf8')) as { root_token: string };
  const ca = readFileSync(files.caFile);
  return {
    address: `https://127.0.0.1:${port}`,
    caFile: files.caFile,
    rootToken,
    call: (method, path, body, token = rootToken) => callOnce({ method, url: `https://127.0.0.1:${port}/v1/${path}`, body, token, ca }),
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function listening(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith('listening')) return;
  throw new Error('Vault ended before it listened');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function callOnce(call: { method: string; url: string; body: unknown; token: string; ca: Buffer }): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(call.url, { method: call.method, ca: call.ca, headers: { 'X-Vault-Token': call.token } }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const isJson = String(incoming.headers['content-type']).startsWith('application/json');
        resolve({ status: incoming.statusCode ?? 0, body: text === '' ? undefined : isJson ? JSON.parse(text) : text });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(call.body === undefined ? undefined : JSON.stringify(call.body));
  });
}
