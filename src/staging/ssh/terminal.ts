/** What a terminal's line discipline does for a session with a pty: echo, erase, whole lines, Ctrl-C, Ctrl-D. No editor runs on it. */

import { Transform } from 'node:stream';

const bytes = { interrupt: 0x03, endOfFile: 0x04, backspace: 0x08, newline: 0x0a, carriageReturn: 0x0d, killLine: 0x15, escape: 0x1b, erase: 0x7f } as const;

/** Turns typed bytes into lines. `echo` shows something on the terminal, `interrupt` is Ctrl-C. */
export function lineDiscipline(act: { echo(text: string): void; interrupt(): void }): Transform {
  let line: number[] = [];
  let isEscape = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (const byte of chunk) {
        if (isEscape) {
          // Of an arrow key only its end is of interest: a letter or a tilde. "[" begins it.
          if (byte !== 0x5b && byte >= 0x40 && byte <= 0x7e) isEscape = false;
          continue;
        }
        switch (byte) {
          case bytes.escape:
            isEscape = true;
            break;
          case bytes.carriageReturn:
          case bytes.newline:
            act.echo('\r\n');
            this.push(Buffer.from([...line, bytes.newline]));
            line = [];
            break;
          case bytes.backspace:
          case bytes.erase:
            if (line.length === 0) break;
            // A letter of several bytes goes as a whole.
            while (((line.pop() ?? 0) & 0xc0) === 0x80);
            act.echo('\b \b');
            break;
          case bytes.killLine:
            act.echo('\b \b'.repeat(line.length));
            line = [];
            break;
          case bytes.interrupt:
            act.echo('^C\r\n');
            line = [];
            act.interrupt();
            break;
          case bytes.endOfFile:
            if (line.length > 0) break;
            this.push(null);
            return done();
          default:
            line.push(byte);
            act.echo(Buffer.from([byte]).toString('latin1'));
        }
      }
      done();
    },
    flush(done) {
      if (line.length > 0) this.push(Buffer.from(line));
      done();
    },
  });
}

/** Output as a terminal wants it: each line feed with a carriage return. */
export function onTerminal(chunk: Buffer): Buffer {
  return Buffer.from(chunk.toString('latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1');
}
