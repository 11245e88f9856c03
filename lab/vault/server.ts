import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../command.js';
import { waitFor } from '../deadline.js';
import type { LabPaths } from '../lab.js';
import { runningPid, startDaemon, stopDaemon } from '../processes.js';
import { callVault } from './api.js';
import { vaultFiles } from './files.js';

const name = 'vault';

/** A CA for Vault's own TLS only: it has nothing to do with the cluster's. */
async function makeServerCertificate(paths: LabPaths): Promise<void> {
  const files = vaultFiles(paths);
  if (existsSync(files.certificate) && existsSync(files.key) && existsSync(files.authority)) return;
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const authority = ['-keyout', files.authorityKey, '-out', files.authority, '-days', '3650', '-subj', '/CN=lab-vault-ca'];
  await runCommand('openssl', ['req', '-x509', '-new', ...curve, ...authority, '-addext', 'keyUsage=critical,keyCertSign,cRLSign']);
  const extensions = join(paths.vault, 'server.ext');
  const request = join(paths.vault, 'server.csr');
  writeFileSync(extensions, `subjectAltName=IP:${paths.layout.address},DNS:vault.lab\nbasicConstraints=CA:false\nextendedKeyUsage=serverAuth\n`);
  await runCommand('openssl', ['req', '-new', ...curve, '-keyout', files.key, '-out', request, '-subj', '/CN=vault.lab']);
  const signer = ['-CA', files.authority, '-CAkey', files.authorityKey, '-CAcreateserial', '-days', '3650', '-extfile', extensions];
  await runCommand('openssl', ['x509', '-req', '-in', request, ...signer, '-out', files.certificate]);
  for (const rest of [extensions, request, join(paths.vault, 'ca.srl')]) rmSync(rest, { force: true });
}

export interface VaultStart {
  /** Leave it sealed, as after a restart that nobody has attended to. */
  readonly sealed?: boolean;
}

/** Starts Vault, initialised, and unsealed unless told otherwise. */
export async function startVault(paths: LabPaths, options: VaultStart = {}): Promise<boolean> {
  const files = vaultFiles(paths);
  const sealed = options.sealed ?? false;
  const health = async (): Promise<true | string> => {
    const { body } = await callVault(paths, { method: 'GET', path: 'sys/health?sealedcode=200&standbyok=true' });
    return body.sealed === sealed ? true : `sealed: ${String(body.sealed)}`;
  };
  if (runningPid(paths, name) !== undefined && (await health().catch(() => 'no answer')) === true) return false;
  await stopVault(paths);
  mkdirSync(paths.vault, { recursive: true, mode: 0o700 });
  mkdirSync(files.data, { recursive: true, mode: 0o700 });
  await makeServerCertificate(paths);
  // Killed between its initialisation and the file: nobody can open this storage again, and nothing is in it yet.
  if (!existsSync(files.init)) {
    rmSync(files.data, { recursive: true });
    mkdirSync(files.data, { mode: 0o700 });
  }
  startDaemon(paths, {
    name,
    program: join(paths.bin, 'vault'),
    args: [
      ...['-listen', `${paths.layout.address}:8200`, '-storage', files.data, '-init-file', files.init],
      ...['-tls-cert', files.certificate, '-tls-key', files.key, ...(sealed ? ['-sealed'] : [])],
    ],
    logFile: join(paths.log, 'vault.log'),
  });
  await waitFor('Vault', { timeoutMs: 120_000 }, async () => (runningPid(paths, name) === undefined ? 'it ended, see vault.log' : health()));
  return true;
}

export async function stopVault(paths: LabPaths): Promise<void> {
  await stopDaemon(paths, name, { graceMs: 8_000 });
}
