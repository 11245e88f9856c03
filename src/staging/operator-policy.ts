/** What the AppRole of a staging Vault may do: the policy that docs/vault.md asks of a real one, for the mount pki-k8s. */

export const pkiMount = 'pki-k8s';

const grants: Readonly<Record<string, readonly string[]>> = {
  [`${pkiMount}/issuers/generate/root/exported`]: ['create', 'update'],
  [`${pkiMount}/root/generate/exported`]: ['create', 'update'],
  [`${pkiMount}/issuers`]: ['list'],
  [`${pkiMount}/issuers/*`]: ['read', 'list'],
  [`${pkiMount}/issuer/*`]: ['read', 'update', 'delete'],
  [`${pkiMount}/keys`]: ['list'],
  [`${pkiMount}/key/*`]: ['read', 'update', 'delete'],
};

/** Its own token: how long it lives, more time for a long run, an early end; and what it may do. */
const ownToken: Readonly<Record<string, readonly string[]>> = {
  'auth/token/lookup-self': ['read'],
  'auth/token/renew-self': ['update'],
  'auth/token/revoke-self': ['update'],
  'sys/capabilities-self': ['update'],
};

/** HCL of capabilities by path, and of what every operator may do with the own token. */
export function policyText(capabilitiesOf: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries({ ...capabilitiesOf, ...ownToken })
    .map(([path, capabilities]) => `path "${path}" {\n  capabilities = [${capabilities.map((one) => `"${one}"`).join(', ')}]\n}\n`)
    .join('\n');
}

export const operatorPolicy: string = policyText(grants);
