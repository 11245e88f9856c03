/** Kubeconfigs on nodes: trust and client certificate replaced in place, the new key put in by the node itself. */

import { readKubeconfig, withCaData, withClient } from '../domain/cluster/kubeconfig.js';
import { fail } from '../domain/errors.js';
import type { Site } from '../ports/step-kind.js';
import type { FileContent } from '../ports/node-shell.js';
import { rewriteSeen } from './node-files.js';
import type { StagedLeaf } from './leaf-on-node.js';
import { stagingDir } from './run-files.js';
import { limitsOf } from './waiting.js';

/** Stands for the key while the text travels: the node puts the key of the staged leaf in its place. */
const placeholder = 'rotate-ca puts the key here on the node';
const placeholderBase64 = Buffer.from(placeholder).toString('base64');

export interface KubeconfigChange {
  readonly caPem: string;
  /** undefined: the client certificate stays. */
  readonly leaf?: StagedLeaf;
}

/** Rewrites a kubeconfig atomically; one that is already as wanted is not touched. `seen`: the file, where the caller has just read it. Throws file-missing, kubeconfig-invalid. */
export async function rewriteKubeconfig(site: Site, path: string, change: KubeconfigChange, seen?: FileContent): Promise<void> {
  const limits = limitsOf(site, 30_000);
  const file = seen ?? (await site.shell.readFile(path, limits));
  if (file === undefined) {
    return fail('file-missing', {
      target: site.target,
      summary: `${path} is missing`,
      cause: 'it was there when the plan was made',
      nextAction: 'Restore it, then run "rotate-ca resume".',
    });
  }
  const text = Buffer.from(file.bytes).toString('utf8');
  const trusting = withCaData(text, change.caPem);
  if (change.leaf === undefined || sameCertificate(readKubeconfig(text, path).clientCertificatePem, change.leaf.certificatePem)) {
    await rewriteSeen(site.shell, path, trusting, file, limits);
    return;
  }
  const withLeaf = withClient(trusting, { certificatePem: change.leaf.certificatePem, keyPem: placeholder });
  await site.shell.must(fillInKey(path, change.leaf.keyPath, `${stagingDir(site)}/key.b64`), { ...limits, stdin: withLeaf });
}

/** Same order as replaceFile: temporary file in the same folder, owner and mode before content, fsync, rename, fsync of the folder. */
function fillInKey(path: string, keyPath: string, scratch: string): string {
  return `set -eu; umask 077
t=$(mktemp "$(dirname '${path}')/.rotate-ca.XXXXXX.tmp"); trap 'rm -f "$t" "${scratch}"' EXIT
chown --reference='${path}' "$t"; chmod --reference='${path}' "$t"
base64 -w0 < '${keyPath}' > '${scratch}'
awk -v p='${placeholderBase64}' 'NR==FNR{k=$0;next}{i=index($0,p); if(i){print substr($0,1,i-1) k substr($0,i+length(p))}else print}' '${scratch}' - > "$t"
sync "$t"; mv -fT "$t" '${path}'; sync "$(dirname '${path}')"; rm -f '${scratch}'`;
}

function sameCertificate(a: string | undefined, b: string): boolean {
  const body = (pem: string): string => pem.replace(/\s+/g, '');
  return a !== undefined && body(a) === body(b);
}
