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

export function missingPackages(needed: ReadonlyMap<string, string> = neededPackages): string[] {
  return [...needed].filter(([, file]) => !existsSync(file)).map(([name]) => name);
}

const policyFile = '/usr/sbin/policy-rc.d';

/** Installs what the lab needs and is missing. Returns whether anything was. */
export function installPackages(paths: LabPaths, report: (line: string) => void): Promise<boolean> {
  return installMissing(neededPackages, join(paths.log, 'packages.log'), report);
}

/** Installs those of `needed` that are missing; what apt-get says goes to `logFile`. No service of these packages is started: the programs are wanted, not a system HAProxy. */
export async function installMissing(needed: ReadonlyMap<string, string>, logFile: string, report: (line: string) => void): Promise<boolean> {
  const missing = missingPackages(needed);
  if (missing.length === 0) return false;
  report(`installing Debian packages: ${missing.join(' ')}`);
  const ownPolicy = !existsSync(policyFile);
  if (ownPolicy) writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const options = { timeoutMs: 10 * 60_000, logFile, env: { DEBIAN_FRONTEND: 'noninteractive' } };
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
  const still = missingPackages(needed);
  if (still.length > 0) throw new Error(`apt-get installed, but these are still missing: ${still.join(' ')}`);
  return true;
}
