/** A throw-away CA and a server certificate of it for 127.0.0.1, as files. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCa, signLeaf } from '../../src/x509/certificate-authority.js';
import { makeKeyPair } from '../../src/x509/key-pair.js';
import { makeRequest } from '../../src/x509/request.js';

export interface TlsFiles {
  readonly caFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

const hourMs = 3_600_000;

/** Writes ca.pem, server.pem and server.key into a folder. */
export async function makeTlsFiles(folder: string, sans: readonly string[] = ['IP:127.0.0.1', 'DNS:localhost']): Promise<TlsFiles> {
  const validity = { notBeforeMs: Date.now() - hourMs, notAfterMs: Date.now() + 24 * hourMs };
  const ca = await makeCa({ subject: { commonName: 'test CA' }, ...validity });
  const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
  const csrPem = await makeRequest({ privateKeyPem, subject: { commonName: 'test server' }, sans });
  const files = { caFile: join(folder, 'ca.pem'), certificateFile: join(folder, 'server.pem'), keyFile: join(folder, 'server.key') };
  writeFileSync(files.caFile, ca.certificatePem);
  writeFileSync(files.certificateFile, await signLeaf({ ca, csrPem, usages: ['serverAuth'], ...validity }));
  writeFileSync(files.keyFile, privateKeyPem.reveal(), { mode: 0o600 });
  return files;
}
