/** The log of what goes on inside of a staging cluster. */

import { createWriteStream } from 'node:fs';
import { redact } from '../domain/redact.js';

export interface LogFile {
  line(text: string): void;
  close(): Promise<void>;
}

/** Appends. A disk that is full loses lines and nothing else. */
export function openLog(file: string): LogFile {
  const stream = createWriteStream(file, { flags: 'a', mode: 0o600 });
  stream.on('error', () => undefined);
  return {
    line(text) {
      stream.write(`${new Date().toISOString()} ${redact(text)}\n`);
    },
    close: () => new Promise((resolve) => stream.end(() => resolve())),
  };
}
