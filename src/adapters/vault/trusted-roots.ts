/** Whom to trust as Vault's server: a file, a folder, or what the system trusts. */

import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { fail } from '../../domain/errors.js';

// Where Go looks on Linux (crypto/x509/root_linux.go), in its order. Node itself reads none of them, and a company's CA is often only there.
const systemFiles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** Node's own roots and those of the system. */
export function systemRoots(): string[] {
  const file = systemFiles.find((f) => existsSync(f));
  return file === undefined ? [...rootCertificates] : [...rootCertificates, readFileSync(file, 'utf8')];
}

/** Every PEM file of a folder and the folders in it. Throws RotationError config-invalid. */
export function caFolder(folder: string): string[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return refuse('VAULT_CAPATH', folder, 'it is no folder');
  const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => existsSync(file) && statSync(file).isFile())
    .map((file) => readFileSync(file, 'utf8'))
    .filter((text) => text.includes('-----BEGIN CERTIFICATE-----'));
  return texts.length > 0 ? texts : refuse('VAULT_CAPATH', folder, 'there is no certificate in it');
}

/** The text of a PEM file. Throws RotationError config-invalid. */
export function readPem(name: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return refuse(name, file, error instanceof Error && 'code' in error ? `it cannot be read (${String(error.code)})` : 'it cannot be read');
  }
  return text.includes('-----BEGIN ') ? text : refuse(name, file, 'it is no PEM file');
}

function refuse(name: string, file: string, cause: string): never {
  return fail('config-invalid', { target: file, summary: `The setting ${name} for Vault cannot be used`, cause, nextAction: `Name a PEM file or folder with ${name}` });
}
