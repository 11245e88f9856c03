import { startRealVault } from '../../../test/support/real-vault.js';
import { describeSetUp } from './set-up-engine.test-support.js';

describeSetUp('on a real Vault', async () => {
  const { address, caFile, rootToken, stop } = await startRealVault();
  return { address, caFile, token: rootToken, stop };
});
