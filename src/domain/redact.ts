/** Finds and blanks key material in text: the one list of patterns for journal, log, report and error. */

interface Pattern {
  readonly name: string;
  readonly pattern: RegExp;
}

// A PEM block may stand in JSON with "\n" written out, or lack its end because the text was cut: then all that follows goes.
// Base64 of a PEM private key is how kubeconfigs and Secrets carry it; "LS0tLS1CRUdJTi" alone would also match certificates.
const patterns: readonly Pattern[] = [
  { name: 'PEM private key', pattern: /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:[\s\S]*?-----END [A-Z0-9 ]*PRIVATE KEY-----|[\s\S]*)/g },
  { name: 'base64 of a PEM private key', pattern: /LS0tLS1CRUdJTi(?:BQUklWQVRF|BSU0EgUFJJ|BFQyBQUklW|BPUEVOU1NI|BFTkNSWVBU)[A-Za-z0-9+/=]*/g },
  { name: 'client-key-data', pattern: /client-key-data["']?\s*[:=]\s*["']?[A-Za-z0-9+/=]{16,}/g },
  { name: 'age secret key', pattern: /AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{20,}/gi },
  { name: 'Vault token', pattern: /\bhv[sbr]\.[A-Za-z0-9_-]{20,}/g },
  { name: 'Vault token', pattern: /(?<![A-Za-z0-9._-])[sbr]\.[A-Za-z0-9]{24,}/g },
  { name: 'JWT', pattern: /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g },
  { name: 'bearer token', pattern: /\bbearer\s+[A-Za-z0-9._~+/-]{20,}=*/gi },
  { name: 'kubeadm certificate key', pattern: /certificate[-_ ]?key["']?[\s:=]+["']?[0-9a-f]{64}\b/gi },
  // A digit is asked for, or host names of six and sixteen letters would be hidden: 1 token in 1,400 has none.
  { name: 'bootstrap token', pattern: /(?<![A-Za-z0-9.-])(?=[a-z.]*[0-9])[a-z0-9]{6}\.[a-z0-9]{16}(?![A-Za-z0-9-]|\.[A-Za-z0-9])/g },
];

/** The kind of the first secret in the text ("Vault token"), or undefined. Never the secret. */
export function findSecret(text: string): string | undefined {
  return patterns.find(({ pattern }) => text.search(pattern) >= 0)?.name;
}

/** The text with every secret replaced by `[secret: KIND]`. */
export function redact(text: string): string {
  return patterns.reduce((rest, { name, pattern }) => rest.replace(pattern, `[secret: ${name}]`), text);
}

/** Where in plain JSON data a secret stands, keys and values, as a JSON pointer with its kind; undefined if there is none. */
export function findSecretIn(value: unknown, pointer = ''): { readonly pointer: string; readonly kind: string } | undefined {
  if (typeof value === 'string') {
    const kind = findSecret(value);
    return kind === undefined ? undefined : { pointer, kind };
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const kind = findSecret(key);
    if (kind !== undefined) return { pointer, kind };
    const found = findSecretIn(inner, `${pointer}/${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
