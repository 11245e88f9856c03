/** Turns what the script of a node has printed into records. */

import { createHash, createPublicKey } from 'node:crypto';
import type { FileRecord } from '../../domain/cluster/inventory.js';
import { readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import { fail } from '../../domain/errors.js';
import { recordsOf } from '../../domain/pki/certificate.js';
import { splitPem } from '../../domain/pki/pem.js';

export interface NodeFindings {
  readonly files: readonly FileRecord[];
  /** Texts of static pod manifests by path; read for flags and forgotten. */
  readonly manifests: ReadonlyMap<string, string>;
  readonly tools: ReadonlySet<string>;
  /** Arguments of the running kubelet, program first. */
  readonly kubelet: readonly string[] | undefined;
}

const sha256OfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Parses the script's output. Throws command-failed if its end is missing. */
export function readFindings(node: string, output: string): NodeFindings {
  const lines = output.split('\n').filter((line) => line !== '');
  if (lines.at(-1) !== 'end') {
    return fail('command-failed', {
      target: node,
      summary: `the files of ${node} could not be read to the end`,
      cause: `the last line was "${(lines.at(-1) ?? '').slice(0, 40)}"`,
      nextAction: 'Run the command again',
      retryable: true,
    });
  }
  const files: FileRecord[] = [];
  const manifests = new Map<string, string>();
  const tools = new Set<string>();
  let kubelet: readonly string[] | undefined;
  for (const line of lines) {
    const [what, ...fields] = line.split(' ');
    if (what === 'tool') tools.add(fields[0] ?? '');
    else if (what === 'kubelet')
      kubelet = decoded(fields[0])
        .split('\0')
        .filter((argument) => argument !== '');
    else if (what === 'file') {
      const { record, text } = fileOf(fields);
      files.push(record);
      if (record.kind === 'manifest') manifests.set(record.path, text);
    }
  }
  return { files, manifests, tools, kubelet };
}

function fileOf(fields: readonly string[]): { record: FileRecord; text: string } {
  const [kind = '', path, mode = '', uid, gid, sha256 = '', link = '-', spki = '-', encoded] = fields;
  const text = decoded(encoded);
  const attributes = {
    path: decoded(path),
    sha256: sha256 === '-' ? '' : sha256,
    mode: mode.padStart(4, '0'),
    uid: Number(uid),
    gid: Number(gid),
    ...(link === '-' ? {} : { linkTo: decoded(link).trimEnd() }),
  };
  if (kind === 'kubeconfig') return { record: { ...attributes, kind, ...kubeconfigIn(text) }, text };
  if (kind === 'manifest' || kind === 'config') return { record: { ...attributes, kind, certificates: [] }, text };
  const certificates = recordsOf(text);
  const keySpki = spki === '-' || spki === sha256OfNothing ? publicKeySpki(text) : spki;
  const fileKind = certificates.length === 0 ? 'key' : certificates[0]?.isCa === true ? 'bundle' : 'leaf';
  return { record: { ...attributes, kind: fileKind, certificates, ...(keySpki === undefined ? {} : { keySpki }) }, text };
}

function kubeconfigIn(text: string): Pick<FileRecord, 'certificates' | 'client' | 'server'> {
  try {
    const { caPem = '', clientCertificatePem = '', server } = readKubeconfig(text);
    const client = recordsOf(clientCertificatePem)[0];
    return { certificates: recordsOf(caPem), server, ...(client === undefined ? {} : { client }) };
  } catch {
    // What is left of it after its secrets were taken out, or the file itself, is no kubeconfig: its CAs still count.
    const data = [...text.matchAll(/certificate-authority-data: *"?([A-Za-z0-9+/=]+)/g)].map((match) => decoded(match[1]));
    return { certificates: data.flatMap(recordsOf) };
  }
}

function publicKeySpki(text: string): string | undefined {
  const block = splitPem(text).blocks.find(({ label }) => label === 'PUBLIC KEY');
  if (block === undefined) return undefined;
  try {
    const der = createPublicKey({ key: block.bytes, format: 'der', type: 'spki' }).export({ type: 'spki', format: 'der' });
    return createHash('sha256').update(der).digest('hex');
  } catch {
    return undefined;
  }
}

function decoded(field: string | undefined): string {
  return field === undefined || field === '-' ? '' : Buffer.from(field, 'base64').toString('utf8');
}
