/** Which names a role lets into a certificate (builtin/logical/pki/issuing/issue_common.go). */

/** Values by field name, all of them given: what Vault tells a role as. */
export type Role = Readonly<Record<string, string | number | boolean | readonly string[]>>;

const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const hostname = new RegExp(`^(?:\\*\\.)?(?:${label}\\.)*${label}\\.?$`);
const leftWildcard = new RegExp(`^(?:\\*|\\*${label}|${label}\\*|${label}\\*${label})$`);

/** Only what looks like a host name becomes a DNS name. */
export function isHostname(name: string): boolean {
  return hostname.test(name);
}

/** May it be the common name? Checked even where it is kept out of the SANs. */
export function allowsCommonName(role: Role, name: string): boolean {
  const validations = listOf(role, 'cn_validations');
  if (validations.length === 1 && validations[0] === 'disabled') return true;
  return allowsName(role, name) && (validations.length === 0 || validations.includes(name.includes('@') ? 'email' : 'hostname'));
}

/** A DNS name or an e-mail address. */
export function allowsName(role: Role, name: string): boolean {
  const parts = name.split('@');
  if (parts.length > 2) return false;
  const isEmail = parts.length === 2;
  const host = parts.at(-1) ?? '';
  const wildcard = host.includes('*') ? splitWildcard(host) : undefined;
  if (host.includes('*') && (role.allow_wildcard_certificates === false || wildcard === undefined || isEmail)) return false;
  const reduced = wildcard?.rest ?? host;
  if (role.enforce_hostnames === true) {
    if (reduced !== '' && !isHostname(reduced)) return false;
    if (wildcard !== undefined && !leftWildcard.test(wildcard.label)) return false;
  }
  if (role.allow_any_name === true) return true;
  return allowsLocalhost(role, reduced, wildcard !== undefined) || listOf(role, 'allowed_domains').some((domain) => isIn(domain));

  function isIn(domain: string): boolean {
    if (domain === '') return false;
    const same = (a: string): boolean => a.toLowerCase() === domain.toLowerCase();
    if (role.allow_bare_domains === true && (same(name) || (isEmail && same(host)))) return true;
    if (role.allow_subdomains === true && (reduced.endsWith(`.${domain}`) || (wildcard !== undefined && same(reduced)))) return true;
    return role.allow_glob_domains === true && domain.includes('*') && globMatches(domain.toLowerCase(), name.toLowerCase());
  }
}

function allowsLocalhost(role: Role, reduced: string, isWildcard: boolean): boolean {
  if (role.allow_localhost !== true) return false;
  return ['localhost', 'localdomain'].some(
    (base) => (reduced === base && (!isWildcard || role.allow_subdomains === true)) || (role.allow_subdomains === true && reduced.endsWith(`.${base}`)),
  );
}

/** One wildcard, in the left-most label. */
function splitWildcard(host: string): { readonly label: string; readonly rest: string } | undefined {
  if (host.split('*').length > 2) return undefined;
  const [first = '', ...others] = host.split('.');
  const rest = others.join('.');
  return rest.includes('*') ? undefined : { label: first, rest };
}

/** ryanuber/go-glob: `*` stands for anything. */
export function globMatches(pattern: string, text: string): boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}$`, 's').test(text);
}

export function listOf(role: Role, name: string): readonly string[] {
  const value = role[name];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}
