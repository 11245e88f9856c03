/** Public things of a run that several steps share: certificates, reports. Never keys. */

export interface Artefacts {
  /** Written once; writing the same bytes again is nothing, other bytes throw. */
  put(name: string, text: string): void;
  get(name: string): string | undefined;
}
