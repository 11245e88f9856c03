/** Clients in other languages, as they would be in anybody's cluster: what do they answer with this trust and this credential? */

import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { runCommand } from '../command.js';
import { curl } from './curl.js';

export interface ClientMaterial {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

const python = `
import ssl, sys, urllib.request
url, ca, cert, key = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(cert, key)
print(urllib.request.urlopen(url, context=context, timeout=30).status)
`;

/** HTTP status by language. */
export async function askInEveryLanguage(url: string, { caFile, certFile, keyFile }: ClientMaterial): Promise<Record<'curl' | 'node' | 'python', number>> {
  const inPython = await runCommand('python3', ['-c', python, url, caFile, certFile, keyFile]);
  return {
    curl: (await curl({ url, caFile, certFile, keyFile })).status,
    node: await inNode(url, { caFile, certFile, keyFile }),
    python: Number(inPython.stdout),
  };
}

function inNode(url: string, { caFile, certFile, keyFile }: ClientMaterial): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { ca: readFileSync(caFile), cert: readFileSync(certFile), key: readFileSync(keyFile), agent: false, timeout: 30_000 }, (incoming) => {
      incoming.resume();
      incoming.on('end', () => resolve(incoming.statusCode ?? 0));
    });
    outgoing.on('error', reject);
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer from ${url} within 30 s`)));
    outgoing.end();
  });
}
