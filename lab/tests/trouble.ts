/** Trouble on a node or in Vault that lasts for one test, and is gone afterwards whatever happens. */

import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
import { runCommand } from '../command.js';
import type { Lab } from '../lab.js';
import { mustCallVault } from '../vault/api.js';
import { startVault } from '../vault/server.js';
import { pkiMount } from '../vault/setup.js';
import { vaultRootToken } from './incoming-ca.js';
import { asRoot } from './node-script.js';

/** Makes it, does the work, and takes it away. */
export interface Trouble {
  during<Result>(work: () => Promise<Result>): Promise<Result>;
}

function onNode(lab: Lab, node: string, script: { readonly make: string; readonly remove: string }): Trouble {
  return {
    async during(work) {
      await asRoot(lab, node, `set -e\n${script.make}`);
      try {
        return await work();
      } finally {
        await asRoot(lab, node, script.remove);
      }
    },
  };
}

/** A user with the operator's key and without sudo. */
export function userWithoutSudo(lab: Lab, node: string, user: string): Trouble {
  return onNode(lab, node, {
    make: `useradd --create-home --shell /bin/bash ${user}
install -d -m 700 -o ${user} -g ${user} /home/${user}/.ssh
install -m 600 -o ${user} -g ${user} ~sre/.ssh/authorized_keys /home/${user}/.ssh/authorized_keys
# AllowUsers adds up over its lines (sshd_config(5)).
echo 'AllowUsers ${user}' > /etc/ssh/sshd_config.d/99-${user}.conf; systemctl reload ssh`,
    remove: `rm -f /etc/ssh/sshd_config.d/99-${user}.conf; systemctl reload ssh; userdel --remove ${user} 2>/dev/null; true`,
  });
}

/** Its `date` tells another time; the clock itself is that of the whole machine, and cannot be another. */
export function wrongClock(lab: Lab, node: string, aheadSeconds: number): Trouble {
  return onNode(lab, node, {
    make: `cat > /usr/local/sbin/date <<'END'
#!/bin/sh
exec /usr/bin/date -d "${aheadSeconds} seconds" "$@"
END
chmod 755 /usr/local/sbin/date`,
    remove: 'rm -f /usr/local/sbin/date',
  });
}

/** What `kubeadm upgrade apply` leaves while it works. */
export function runningUpgrade(lab: Lab, node: string): Trouble {
  return onNode(lab, node, {
    make: 'install -d -m 700 /etc/kubernetes/tmp/kubeadm-upgraded-manifests1234567890',
    remove: 'rmdir /etc/kubernetes/tmp/kubeadm-upgraded-manifests1234567890; rmdir --ignore-fail-on-non-empty /etc/kubernetes/tmp',
  });
}

/** An agent of the kind that puts files back. */
export function revertingAgent(lab: Lab, node: string): Trouble {
  return onNode(lab, node, {
    make: `cp /usr/bin/sleep /run/puppet
systemd-run --quiet --unit=test-puppet /run/puppet 600`,
    remove: 'systemctl stop test-puppet; rm -f /run/puppet',
  });
}

/** Vault as after a restart that nobody has attended to. */
export function sealedVault(lab: Lab): Trouble {
  return {
    async during(work) {
      await mustCallVault(lab.paths, { method: 'PUT', path: 'sys/seal', token: vaultRootToken(lab) });
      try {
        return await work();
      } finally {
        await startVault(lab.paths);
      }
    },
  };
}

/** A token that may do all that the policy of rotate-ca allows, but make a root. */
export async function tokenWithSmallerPolicy(lab: Lab): Promise<string> {
  const token = vaultRootToken(lab);
  const policy = `path "${pkiMount}/issuers" { capabilities = ["list"] }
path "${pkiMount}/issuers/generate/root/exported" { capabilities = ["deny"] }
path "${pkiMount}/root/generate/exported" { capabilities = ["deny"] }
path "${pkiMount}/issuers/*" { capabilities = ["read", "list"] }
path "${pkiMount}/issuer/*" { capabilities = ["read", "update", "delete"] }
path "${pkiMount}/keys" { capabilities = ["list"] }
path "${pkiMount}/key/*" { capabilities = ["read", "update", "delete"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
`;
  await mustCallVault(lab.paths, { method: 'PUT', path: 'sys/policies/acl/rotate-ca-smaller', token, body: { policy } });
  const created = (await mustCallVault(lab.paths, {
    method: 'POST',
    path: 'auth/token/create',
    token,
    body: { policies: ['rotate-ca-smaller'], no_default_policy: true, ttl: '1h' },
  })) as unknown;
  return (created as { auth: { client_token: string } }).auth.client_token;
}

/** A folder on a file system of its own that has room for a plan, but not for a run. */
export function smallDisk(folder: string, sizeKib: number): Trouble & { readonly folder: string } {
  const mountPoint = join(folder, 'small-disk');
  return {
    folder: mountPoint,
    async during(work) {
      mkdirSync(mountPoint, { recursive: true });
      await runCommand('mount', ['-t', 'tmpfs', '-o', `size=${sizeKib}k,mode=700`, 'tmpfs', mountPoint]);
      try {
        return await work();
      } finally {
        await runCommand('umount', ['--lazy', mountPoint]);
      }
    },
  };
}
