/** Settings of a rehearsal: those of a run, from what the staging cluster gives its operator. */

import { join } from 'node:path';
import { makeIdentityFile } from '../adapters/age/new-identity.js';
import type { Settings } from '../domain/plan/plan.js';
import type { OperatorFiles } from '../staging/operator-files.js';

/** Makes the age identity beside the other files of the operator. State lies in the rehearsal's own folder and goes with it. */
export async function rehearsalSettings(operator: OperatorFiles): Promise<Settings> {
  const identityFile = join(operator.folder, 'age-key.txt');
  const recipient = await makeIdentityFile(identityFile);
  const { env } = operator;
  return {
    inventoryFile: operator.inventoryFile,
    kubeconfig: operator.kubeconfig,
    context: '',
    sshConfig: operator.sshConfig,
    knownHosts: operator.knownHosts,
    vault: {
      address: env.VAULT_ADDR ?? '',
      mount: operator.vaultMount,
      signRole: env.ROTATE_CA_VAULT_SIGN_ROLE ?? '',
      caFile: env.VAULT_CACERT ?? '',
      roleIdFile: env.ROTATE_CA_VAULT_ROLE_ID_FILE ?? '',
      secretIdFile: env.ROTATE_CA_VAULT_SECRET_ID_FILE ?? '',
    },
    recipients: [recipient],
    identityFile,
    stateDir: join(operator.folder, 'state'),
  };
}

/** The surroundings of a rehearsal: nothing of the operator's own clusters, Vault or agent. */
export function rehearsalEnv(operator: OperatorFiles, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH, HOME, USER, LANG, TMPDIR, TERM } = env;
  const own = Object.fromEntries(Object.entries({ PATH, HOME, USER, LANG, TMPDIR, TERM }).filter(([, value]) => value !== undefined));
  return { ...own, ...operator.env };
}
