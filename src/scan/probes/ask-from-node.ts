/** TLS probes that a node makes for us: of its own loopback, and of addresses that only a node reaches. */

import { pemOf } from '../../domain/pki/pem.js';
import type { Shells } from '../../ports/node-shell.js';
import type { Call } from '../gather.js';

export interface Question {
  /** Addresses in the order in which they are tried. */
  readonly at: readonly { readonly host: string; readonly port: number }[];
  readonly serverName?: string;
}

/** At the same time: each is a process of its own on the node. */
const atOnce = 20;
const secondsEach = 3;

/**
 * The leaf that each server presents, as PEM, in the order of the questions; undefined: none of its addresses answered with one.
 * Throws what the shell throws. A node without openssl answers none.
 */
export async function askFromNode(shells: Shells, node: string, questions: readonly Question[], call: Call): Promise<(string | undefined)[]> {
  const answers: (string | undefined)[] = questions.map(() => undefined);
  for (let from = 0; from < questions.length; from += atOnce) {
    const output = await shells.to(node).must(scriptOf(questions.slice(from, from + atOnce)), call);
    for (const line of output.split('\n')) {
      const [, index, der] = /^leaf (\d+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? [];
      if (index !== undefined && der !== undefined) answers[from + Number(index)] = pemOf('CERTIFICATE', Buffer.from(der, 'base64'));
    }
  }
  return answers;
}

/** One line for each answer, written at once: shorter than PIPE_BUF, so that lines of processes at the same time do not mix. */
function scriptOf(questions: readonly Question[]): string {
  const asked = questions.map(({ at, serverName }, index) => {
    const addresses = at.map(({ host, port }) => quoted(`${host.includes(':') ? `[${host}]` : host}:${port}`)).join(' ');
    return `ask ${index} ${quoted(serverName ?? '')} ${addresses} &`;
  });
  return `command -v openssl >/dev/null 2>&1 || exit 0
ask() {
  index=$1 name=$2; shift 2
  for address; do
    set -- -connect "$address"; [ -n "$name" ] && set -- "$@" -servername "$name" || set -- "$@" -noservername
    leaf=$(timeout ${secondsEach} openssl s_client "$@" </dev/null 2>/dev/null | openssl x509 -outform DER 2>/dev/null | base64 -w 0)
    [ -z "$leaf" ] || { printf 'leaf %s %s\\n' "$index" "$leaf"; return; }
  done
}
${asked.join('\n')}
wait
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
