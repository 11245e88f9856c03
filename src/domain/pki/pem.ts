/** Splits a text into PEM blocks by the rules of Go's encoding/pem, and says where it is damaged. */

export interface PemBlock {
  /** `CERTIFICATE`, `RSA PRIVATE KEY`, ... */
  readonly label: string;
  /** RFC 1421 headers stand in it, as in an encrypted key. */
  readonly hasHeaders: boolean;
  readonly bytes: Buffer;
  /** Line of BEGIN and of END, counted from 1. */
  readonly line: number;
  readonly endLine: number;
}

/** A BEGIN line after which no whole block follows. Go passes over it in silence. */
export interface PemDamage {
  readonly line: number;
  readonly column: number;
  readonly cause: string;
}

export interface PemText {
  readonly blocks: readonly PemBlock[];
  readonly damage: readonly PemDamage[];
}

const begin = '-----BEGIN ';
const end = '-----END ';
const dashes = '-----';

/** Never throws: what is not a whole block is in `damage`, text around blocks is passed over. */
export function splitPem(text: string): PemText {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, '').replace(/[ \t]+$/, ''));
  const blocks: PemBlock[] = [];
  const damage: PemDamage[] = [];
  for (let i = 0; i < lines.length; ) {
    const line = lines[i] ?? '';
    if (!line.startsWith(begin)) {
      i++;
      continue;
    }
    const read = readBlock(lines, i);
    if ('cause' in read) {
      damage.push(read);
      // As Go does: look again from the line after BEGIN, a whole block may begin inside of a torn one.
      i++;
    } else {
      blocks.push(read);
      i = read.endLine;
    }
  }
  return { blocks, damage };
}

/** The PEM form of DER: lines of 64 characters, newline-terminated. */
export function pemOf(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `${begin}${label}${dashes}\n${lines.map((line) => `${line}\n`).join('')}${end}${label}${dashes}\n`;
}

function readBlock(lines: readonly string[], at: number): PemBlock | PemDamage {
  const first = lines[at] ?? '';
  const damaged = (line: number, column: number, cause: string): PemDamage => ({ line: line + 1, column, cause });
  if (!first.endsWith(dashes) || first.length < begin.length + dashes.length) return damaged(at, first.length + 1, 'the BEGIN line does not end with "-----"');
  const label = first.slice(begin.length, -dashes.length);
  let next = at + 1;
  let hasHeaders = false;
  while (next < lines.length && (lines[next] ?? '').includes(':')) {
    hasHeaders = true;
    next++;
  }
  const body: string[] = [];
  for (let i = next; i < lines.length; i++) {
    const line = lines[i] ?? '';
    if (line.startsWith(end)) {
      if (line !== `${end}${label}${dashes}`) return damaged(i, 1, `the END line is not that of "${label}"`);
      const joined = body.join('').replace(/[ \t]/g, '');
      if (joined.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(joined)) return wrongBody(body, next, damaged);
      return { label, hasHeaders, bytes: Buffer.from(joined, 'base64'), line: at + 1, endLine: i + 1 };
    }
    body.push(line);
  }
  return damaged(at, 1, `there is no END line for "${label}"`);
}

function wrongBody(body: readonly string[], firstLine: number, damaged: (line: number, column: number, cause: string) => PemDamage): PemDamage {
  if (body.some((line) => line.startsWith(begin))) return damaged(firstLine - 1, 1, 'the next BEGIN comes before its END');
  for (const [i, line] of body.entries()) {
    const column = line.search(/[^A-Za-z0-9+/= \t]/);
    if (column >= 0) return damaged(firstLine + i, column + 1, 'a character that is not base64');
  }
  return damaged(firstLine + Math.max(0, body.length - 1), 1, 'the base64 is not complete');
}
