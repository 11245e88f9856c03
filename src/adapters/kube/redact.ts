/** Takes secrets out of text that others wrote (the API's messages, an exec plugin's standard error) before it enters an error. */

const shapes: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\bey[JI][A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}/g,
  /\b(Bearer|Basic)\s+[^\s"',;]+/gi,
  // Anything as long as a token and without a blank; file names and DNs have dots, slashes or blanks.
  /[A-Za-z0-9+_-]{40,}={0,2}/g,
];

/** Known secrets first, then whatever looks like one; at most `maxLength` characters, on one line. */
export function redact(text: string, secrets: readonly string[], options: { maxLength?: number } = {}): string {
  let clean = text;
  for (const secret of secrets) {
    if (secret !== '') clean = clean.replaceAll(secret, '[secret]');
  }
  for (const shape of shapes) clean = clean.replace(shape, '[secret]');
  clean = clean.replace(/\s+/g, ' ').trim();
  const maxLength = options.maxLength ?? 500;
  return clean.length <= maxLength ? clean : `${clean.slice(0, maxLength)}…`;
}
