/** Names come from clusters: any character may be in them. One function for each format into which they are written. No secret passes through any. */

import { redact } from '../domain/redact.js';

// Control characters are no characters of XML, and half of a surrogate pair is none of Unicode.
const unprintable = /(?![\t\n])\p{Cc}|[\ufffe\uffff]|\p{Surrogate}/gu;
// What turns the direction of reading around: a name could look like another.
const turning = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const lineEnds = /\r\n|[\r\n\u2028\u2029]/g;

function printable(text: string): string {
  return redact(text).replace(unprintable, '\ufffd').replace(turning, '');
}

export function oneLine(text: string): string {
  return printable(text.replace(lineEnds, ' ').replaceAll('\t', ' '));
}

/** As text and as a quoted attribute of XML and HTML. Line ends are kept. */
export function forXml(text: string): string {
  return printable(text.replace(lineEnds, '\n')).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

/**
 * A double-quoted string of DOT. Lines are parted by "\n". A backslash is doubled, for `\N`, `\G` and `\l` mean something in labels
 * (graphviz.org, escString), and an ampersand is written out, for entities are read.
 */
export function forDot(text: string): string {
  const lines = text.split(lineEnds).map((line) => oneLine(line).replaceAll('&', '&amp;').replaceAll('\\', '\\\\').replaceAll('"', '\\"'));
  return `"${lines.join('\\n')}"`;
}

/**
 * A quoted label of a Mermaid flowchart. Everything that its parsers, its Markdown and its HTML may read is written as a number
 * (`#35;`): also words that begin a statement (`end`, `graph`) are only words in quotes.
 */
export function forMermaid(text: string): string {
  const number = (character: string): string => `#${character.codePointAt(0)};`;
  const lines = text.split(lineEnds).map((line) =>
    oneLine(line)
      // A colon too: "style ...: #...;" would lose its semicolon, and "fa:fa-x" is a picture.
      .replace(/[^\p{L}\p{N}\p{M} .,/@=+()×→✓○●◆■↻…-]/gu, number)
      // Markdown would begin a list.
      .replace(/^(\s*)([-+]|\d)(?=\s|\d*[.)]\s)/u, (_, space: string, first: string) => `${space}${number(first)}`),
  );
  return `"${lines.join('<br/>')}"`;
}
