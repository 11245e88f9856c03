import { join } from 'node:path';
import type { LabPaths } from '../lab.js';

/** Where Vault's files lie. `data` and `init` belong together: one without the other is of no use. */
export function vaultFiles(paths: LabPaths): Readonly<Record<'data' | 'init' | 'authority' | 'authorityKey' | 'certificate' | 'key' | 'roleId' | 'secretId' | 'token', string>> {
  const at = (name: string): string => join(paths.vault, name);
  return {
    data: at('data'),
    init: at('init.json'),
    authority: at('ca.pem'),
    authorityKey: at('ca.key'),
    certificate: at('server.pem'),
    key: at('server.key'),
    roleId: at('role-id'),
    secretId: at('secret-id'),
    token: at('token'),
  };
}
