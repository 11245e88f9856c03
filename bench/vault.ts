/** The Vault client: one kept connection beside node-vault's default, a new one for every request. */

import { readFileSync } from 'node:fs';
import nodeVault from 'node-vault';
import { vaultConnection } from '../src/adapters/vault/connection.js';
import { readVaultSettings } from '../src/adapters/vault/settings.js';
import { startVaultServer } from '../test/support/vault-server.js';
import type { Measurement, Row } from './measurement.js';
import { inTurns, repeat, type Work } from './rounds.js';

const requests = 40;
const against = 'node-vault with a CA and nothing else';

async function run(): Promise<Row[]> {
  const server = await startVaultServer();
  server.routes.set('GET pki/issuer/i', { status: 200, body: { data: { issuer_id: 'i', certificate: 'x'.repeat(1_200) } } });
  const connection = vaultConnection(readVaultSettings({ VAULT_ADDR: server.address, VAULT_CACERT: server.caFile, VAULT_TOKEN: 'bench' }), () => Promise.resolve());
  const plain = nodeVault({ endpoint: server.address, token: 'bench', requestOptions: { ca: readFileSync(server.caFile) } });
  const ours = (): Promise<unknown> => connection.call({ method: 'GET', path: 'pki/issuer/i', repeatable: false });
  const baseline = (): Promise<unknown> => plain.read('pki/issuer/i');
  const connectionsOf = async (work: Work): Promise<number> => {
    const before = server.connections();
    await repeat(requests, 1, work);
    return server.connections() - before;
  };
  try {
    const { ours: kept, baseline: anew } = await inTurns(
      () => repeat(requests, 1, ours),
      () => repeat(requests, 1, baseline),
      { rounds: 5 },
    );
    return [
      { measurement: 'vault: requests a second', ours: (requests * 1000) / kept, baseline: (requests * 1000) / anew, against },
      { measurement: `vault: TLS handshakes for ${requests} more requests`, ours: await connectionsOf(ours), baseline: await connectionsOf(baseline), against },
    ];
  } finally {
    await server.stop();
  }
}

export const vaultMeasurement: Measurement = { name: 'vault', run };
