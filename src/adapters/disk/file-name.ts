/** Names of the domain as file names of one folder: reversible, without slashes, never hidden. */

/** `renew-kubelets/2` becomes `renew-kubelets%2F2`. Distinct names stay distinct. */
export function toFileName(name: string): string {
  const escaped = name.replace(/[^A-Za-z0-9._-]/gu, (c) => encodeURIComponent(c).replace(/[!'()*]/g, (d) => `%${d.charCodeAt(0).toString(16).toUpperCase()}`));
  return escaped.startsWith('.') || escaped === '' ? `%2E${escaped.slice(1)}` : escaped;
}

/** Is it the name of a file in the folder itself, as those given out here are? */
export function isPlainFileName(name: string): boolean {
  return /^[A-Za-z0-9%_@-][A-Za-z0-9._%@-]*$/.test(name);
}
