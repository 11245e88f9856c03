import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeTlsFiles } from '../../../test/support/tls-files.js';
import { watchStalls } from './machine-stalls.js';

it.each([
  ['slower than it may be: the machine stood still then', -1, true],
  ['in time: it did not', 60_000, false],
])('an answer %s', async (_what, longMs, isStall) => {
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-stalls-'));
  const files = await makeTlsFiles(folder);
  const server = createServer({ cert: readFileSync(files.certificateFile), key: readFileSync(files.keyFile) }, (_request, response) => response.end('{}')).listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const fromMs = Date.now();
    const stalls = watchStalls({ env: { VAULT_ADDR: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, VAULT_CACERT: files.caFile } }, { longMs });
    // The second question comes when the first was answered and looked at.
    await once(server, 'request');
    await once(server, 'request');
    stalls.stop();
    expect(stalls.between(fromMs, Date.now())).toBe(isStall);
    expect(stalls.between(fromMs - 2000, fromMs - 1000)).toBe(false);
  } finally {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  }
});
