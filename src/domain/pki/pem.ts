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
  const lines = text.split('\n').map(withoutEnd);
  const next = placesOf(lines);
  const blocks: PemBlock[] = [];
  const damage: PemDamage[] = [];
  for (let i = 0; i < lines.length; ) {
    const line = lines[i] ?? '';
    if (!line.startsWith(begin)) {
      i++;
      continue;
    }
    const read = readBlock(lines, i, next);
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

/** Without a carriage return and blanks at its end. No regular expression: those take the square of the length for a line of blanks. */
function withoutEnd(line: string): string {
  let end = line.endsWith('\r') ? line.length - 1 : line.length;
  while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--;
  return line.slice(0, end);
}

/** The PEM form of DER: lines of 64 characters, newline-terminated. */
export function pemOf(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `${begin}${label}${dashes}\n${lines.map((line) => `${line}\n`).join('')}${end}${label}${dashes}\n`;
}

/** Of each line, where the next BEGIN line after it and the next END line from it on are. Many BEGIN lines without an END must not take long. */
interface Places {
  readonly begins: readonly (number | undefined)[];
  readonly ends: readonly (number | undefined)[];
}

function placesOf(lines: readonly string[]): Places {
  const begins: (number | undefined)[] = [];
  const ends: (number | undefined)[] = [];
  for (let i = lines.length - 1; i >= 0; i--) {
    begins[i] = lines[i + 1]?.startsWith(begin) ? i + 1 : begins[i + 1];
    ends[i] = lines[i]?.startsWith(end) ? i : ends[i + 1];
  }
  return { begins, ends };
}

function readBlock(lines: readonly string[], at: number, next: Places): PemBlock | PemDamage {
  const first = lines[at] ?? '';
  const damaged = (line: number, column: number, cause: string): PemDamage => ({ line: line + 1, column, cause });
  if (!first.endsWith(dashes) || first.length < begin.length + dashes.length) return damaged(at, first.length + 1, 'the BEGIN line does not end with "-----"');
  const label = first.slice(begin.length, -dashes.length);
  const last = next.ends[at];
  if (last === undefined) return damaged(at, 1, `there is no END line for "${label}"`);
  if (lines[last] !== `${end}${label}${dashes}`) return damaged(last, 1, `the END line is not that of "${label}"`);
  if ((next.begins[at] ?? last) < last) return damaged(at, 1, 'the next BEGIN comes before its END');
  let from = at + 1;
  while (from < last && (lines[from] ?? '').includes(':')) from++;
  const body = lines.slice(from, last);
  const joined = body.join('').replace(/[ \t]/g, '');
  if (joined.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(joined)) return wrongBody(body, from, damaged);
  return { label, hasHeaders: from > at + 1, bytes: Buffer.from(joined, 'base64'), line: at + 1, endLine: last + 1 };
}

function wrongBody(body: readonly string[], firstLine: number, damaged: (line: number, column: number, cause: string) => PemDamage): PemDamage {
  for (const [i, line] of body.entries()) {
    const column = line.search(/[^A-Za-z0-9+/= \t]/);
    if (column >= 0) return damaged(firstLine + i, column + 1, 'a character that is not base64');
  }
  return damaged(firstLine + Math.max(0, body.length - 1), 1, 'the base64 is not complete');
}
