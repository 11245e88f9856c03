import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { type LabPaths, vaultAddress } from '../lab.js';
import { vaultFiles } from './files.js';

export interface VaultAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** One call of Vault's HTTP API, verified against the lab's own CA for Vault. */
export async function callVault(paths: LabPaths, call: { method: 'GET' | 'POST' | 'PUT'; path: string; token?: string; body?: unknown }): Promise<VaultAnswer> {
  const payload = call.body === undefined ? undefined : JSON.stringify(call.body);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${vaultAddress(paths.layout)}/v1/${call.path}`,
      {
        method: call.method,
        ca: readFileSync(vaultFiles(paths).authority),
        timeout: 30_000,
        headers: call.token === undefined ? {} : { 'X-Vault-Token': call.token },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: incoming.statusCode ?? 0, body: text === '' ? {} : (JSON.parse(text) as VaultAnswer['body']) });
        });
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`Vault did not answer ${call.path} within 30 s`)));
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

/** The same, where anything but success is an error. Its text names the path and Vault's reason, never the body sent. */
export async function mustCallVault(paths: LabPaths, call: Parameters<typeof callVault>[1]): Promise<VaultAnswer['body']> {
  const answer = await callVault(paths, call);
  if (answer.status >= 300) {
    throw new Error(`Vault: ${call.method} ${call.path}: ${answer.status} ${JSON.stringify(answer.body.errors ?? [])}`);
  }
  return answer.body;
}
