import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, succeeds } from '../command.js';
import type { LabPaths } from '../lab.js';

/** Debian packages of this machine, and a file by which each is known to be there. */
export const neededPackages: ReadonlyMap<string, string> = new Map([
  ['debootstrap', '/usr/sbin/debootstrap'],
  ['systemd-container', '/usr/bin/systemd-nspawn'],
  ['iptables', '/usr/sbin/iptables'],
  ['iproute2', '/usr/sbin/ip'],
  ['openssh-client', '/usr/bin/ssh-agent'],
  ['containernetworking-plugins', '/usr/lib/cni/ptp'],
  ['catatonit', '/usr/bin/catatonit'],
  ['haproxy', '/usr/sbin/haproxy'],
  ['openssl', '/usr/bin/openssl'],
]);

export function missingPackages(): string[] {
  return [...neededPackages].filter(([, file]) => !existsSync(file)).map(([name]) => name);
}

const policyFile = '/usr/sbin/policy-rc.d';

/** Installs what is missing. No service of these packages is started: the lab wants the programs, not a system HAProxy. */
export async function installPackages(paths: LabPaths, report: (line: string) => void): Promise<boolean> {
  const missing = missingPackages();
  if (missing.length === 0) return false;
  report(`installing Debian packages: ${missing.join(' ')}`);
  const ownPolicy = !existsSync(policyFile);
  if (ownPolicy) writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const options = { timeoutMs: 10 * 60_000, logFile: join(paths.log, 'packages.log'), env: { DEBIAN_FRONTEND: 'noninteractive' } };
  const install = ['install', '-y', '--no-install-recommends', ...missing];
  try {
    // The package lists are fetched only if what is there does not do: they may be old, or absent.
    if (!(await succeeds('apt-get', install, options))) {
      await runCommand('apt-get', ['update'], options);
      await runCommand('apt-get', install, options);
    }
  } finally {
    if (ownPolicy) rmSync(policyFile, { force: true });
  }
  const still = missingPackages();
  if (still.length > 0) throw new Error(`apt-get installed, but these are still missing: ${still.join(' ')}`);
  return true;
}
