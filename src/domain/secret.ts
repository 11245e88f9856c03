/** Key material and tokens in memory: every way of printing one says `[secret]`. */

import { inspect } from 'node:util';

/** Wraps bytes that must never reach a journal, log, error or argv. `reveal()` is the only way out. */
export class Secret {
  readonly #bytes: Buffer;

  constructor(value: string | Uint8Array) {
    this.#bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value);
  }

  /** The bytes themselves, for an adapter that writes them to a socket or a standard input. */
  reveal(): Buffer {
    return this.#bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
