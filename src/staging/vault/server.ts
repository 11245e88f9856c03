/** A Vault-shaped HTTPS server for the staging cluster: PKI engine, AppRole, policies, sealing, with the answers of Vault 1.21. */

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { pemOf, splitPem } from '../../domain/pki/pem.js';
import { makeCa, signLeaf } from '../../x509/certificate-authority.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import type { StagingClock } from '../clock.js';
import type { Answer } from './answer.js';
import { type VaultCore, createCore } from './core.js';
import { callOf } from './http-call.js';
import { type Dump, dumpCore, loadCore } from './snapshot.js';
import { type SetUp, setUp } from './set-up.js';

export interface VaultTlsFiles {
  /** Server certificate, with its chain behind it. PEM. */
  readonly certificatePem: string;
  readonly keyPem: string;
  /** What a client must trust; the last certificate of the chain without. */
  readonly caPem?: string;
}

export interface StartVault extends SetUp {
  readonly address: string;
  /** 0: any. */
  readonly port: number;
  readonly clock: StagingClock;
  /** Unix ms; the clock's without. */
  readonly now?: () => number;
  /** Without: a CA of its own, and a certificate of it for the address. */
  readonly tls?: VaultTlsFiles;
}

export interface StagingVault {
  readonly url: string;
  /** What clients must trust (VAULT_CACERT). */
  readonly caPem: string;
  readonly roleId: string;
  readonly secretId: string;
  readonly rootToken: string;
  /** Hex; `vault operator unseal` takes it. */
  readonly unsealKey: string;
  seal(): void;
  unseal(): void;
  /** Ends every token but the root token, as if its time were up. */
  expireTokens(): void;
  /** Takes a path from everybody but the root token, whatever policies say: `*` at the end, `+` for a segment. */
  denyPath(glob: string): void;
  /** Takes back every denyPath. */
  restorePolicy(): void;
  /** Everything it holds, keys of CAs and tokens too: to be kept as a secret. JSON. */
  state(): string;
  /** Puts back what `state` told, from this server or another. Throws SyntaxError. */
  load(state: string): void;
  close(): Promise<void>;
}

/** Resolves when it listens, set up as the lab's Vault is. Throws when the port is taken (EADDRINUSE). */
export async function startVault(options: StartVault): Promise<StagingVault> {
  const core = createCore(options.now ?? (() => options.clock.now()));
  const { roleId, secretId, rootToken } = await setUp(core, options);
  const tls = options.tls ?? (await ownTls(options.address, core.now()));
  const sockets = new Set<Socket>();
  const server = createServer({ cert: tls.certificatePem, key: tls.keyPem }, (request, response) => void serve(core, request, response));
  server.on('secureConnection', (socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.listen(options.port, options.address);
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port;

  return {
    url: `https://${options.address}:${port}`,
    caPem: tls.caPem ?? lastOf(tls.certificatePem),
    roleId,
    secretId,
    rootToken,
    unsealKey: core.cluster.unsealKey,
    seal() {
      core.sealed = true;
    },
    unseal() {
      core.sealed = false;
    },
    expireTokens() {
      for (const token of core.tokens.all()) if (token.expiresMs !== undefined) token.expiresMs = 0;
    },
    denyPath: (glob) => void core.denied.add(glob),
    restorePolicy: () => core.denied.clear(),
    state: () => JSON.stringify(dumpCore(core)),
    load: (state) => loadCore(core, JSON.parse(state) as Dump),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function serve(core: VaultCore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const call = await callOf(request);
    send(response, 'status' in call ? call : await core.handle(call), request.method === 'HEAD');
  } catch (error) {
    if (response.destroyed || request.destroyed) return;
    // A defect of ours: told as the real one tells one of its own, with the text for whoever looks into it.
    send(response, { status: 500, body: { errors: [`internal error: ${error instanceof Error ? error.message : String(error)}`] } }, false);
  }
}

function send(response: ServerResponse, { status, body, raw }: Answer, headOnly: boolean): void {
  const headers = { 'cache-control': 'no-store', 'strict-transport-security': 'max-age=31536000; includeSubDomains' };
  if (raw !== undefined) {
    response.writeHead(status, { ...headers, 'content-type': raw.contentType });
    response.end(headOnly ? undefined : raw.text);
    return;
  }
  response.writeHead(status, body === undefined ? headers : { ...headers, 'content-type': 'application/json' });
  response.end(body === undefined || headOnly ? undefined : `${JSON.stringify(body)}\n`);
}

async function ownTls(address: string, nowMs: number): Promise<VaultTlsFiles> {
  const validity = { notBeforeMs: nowMs - 3_600_000, notAfterMs: nowMs + 3_650 * 86_400_000 };
  const ca = await makeCa({ subject: { commonName: 'staging-vault-ca' }, ...validity });
  const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
  const sans = [isIP(address) === 0 ? `DNS:${address}` : `IP:${address}`, 'DNS:localhost'];
  const csrPem = await makeRequest({ privateKeyPem, subject: { commonName: 'staging-vault' }, sans });
  const certificatePem = await signLeaf({ ca, csrPem, usages: ['serverAuth'], ...validity });
  return { certificatePem, keyPem: privateKeyPem.reveal().toString('utf8'), caPem: ca.certificatePem };
}

function lastOf(chain: string): string {
  const last = splitPem(chain).blocks.at(-1);
  return last === undefined ? chain : pemOf('CERTIFICATE', last.bytes);
}
