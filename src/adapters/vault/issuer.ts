/** The issuer on Vault's PKI engine: a new self-signed root for each generation of a cluster's CA. */

import { Secret } from '../../domain/secret.js';
import type { Issuer, SignRequest } from '../../ports/issuer.js';
import { checkVault, neededGrants, signPath } from './check.js';
import type { VaultCall } from './connection.js';
import { inspectCa, inspectLeaf } from './inspection.js';
import { openPkiEngine, type PkiEngineOptions, rootRequest, textOf, withNewline } from './pki-engine.js';
import { readRequest } from './request.js';

export interface VaultIssuer extends Issuer {
  /** Ends the renewal of the token. */
  close(): void;
}

/** Reads settings and files; Vault itself is asked with the first call. Throws RotationError config-invalid, vault-auth-failed. */
export async function openVaultIssuer(options: PkiEngineOptions): Promise<VaultIssuer> {
  const engine = openPkiEngine(options);
  const { connection, session, mount, ask } = engine;
  const signRole = options.env.ROTATE_CA_VAULT_SIGN_ROLE?.trim() ?? '';

  return {
    check: ({ caTtlMs }, signal = {}) => checkVault({ connection, session, mount, needed: neededGrants(mount, signRole), caTtlMs, ...signal }),

    async generateCa(ca, signal = {}) {
      // Not repeatable: the first attempt may have made a root whose key was lost with the answer.
      const { data } = await ask(
        `The new CA "${ca.name}"`,
        'update',
        { method: 'POST', path: `${mount}/issuers/generate/root/exported`, body: rootRequest(ca), repeatable: false },
        signal,
      );
      const key = textOf(data, 'private_key');
      const certificatePem = withNewline(textOf(data, 'certificate'));
      inspectCa(certificatePem, { ca, key, nowMs: options.now() });
      return { issuerId: textOf(data, 'issuer_id'), keyId: textOf(data, 'key_id'), certificatePem, key: new Secret(withNewline(key)) };
    },

    findCa: (name, signal = {}) => engine.findCa(name, signal),

    async sign(request, signal = {}) {
      const call: VaultCall = { method: 'POST', path: signPath(mount, request.issuerId, signRole), body: leafRequest(request), repeatable: true };
      const { data } = await ask('The signature of a request', 'update', call, signal);
      const certificatePem = withNewline(textOf(data, 'certificate'));
      inspectLeaf(certificatePem, { request, nowMs: options.now() });
      return certificatePem;
    },

    destroyCa: (ca, signal = {}) => engine.destroyCa(ca, signal),
    describe: () => engine.describe(),
    close: () => engine.close(),
  };
}

/** sign-verbatim takes subject and SANs from the request by itself; the backdating is that of the sign role, or 30 s. */
function leafRequest(request: SignRequest): Record<string, unknown> {
  const { isRsa } = readRequest(request.csrPem);
  return {
    csr: request.csrPem,
    ttl: `${Math.round(request.ttlMs / 1_000)}s`,
    key_usage: isRsa ? ['DigitalSignature', 'KeyEncipherment'] : ['DigitalSignature'],
    ext_key_usage: request.usages.map((usage) => (usage === 'serverAuth' ? 'ServerAuth' : 'ClientAuth')),
    format: 'pem',
  };
}
