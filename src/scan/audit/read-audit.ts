/** Who has used which credential with the API servers, from their audit logs on the control planes. Reads only. */

import type { NodeRecord, Unseen } from '../../domain/cluster/inventory.js';
import { failuresOf } from '../../domain/errors.js';
import type { CredentialUse } from '../../domain/trust/credential-use.js';
import type { Shells } from '../../ports/node-shell.js';
import { type AuditLimits, auditScript } from './audit-script.js';

export interface AuditOptions {
  readonly nodes: readonly Pick<NodeRecord, 'name' | 'components'>[];
  readonly shells: Shells;
  readonly signal?: AbortSignal;
  /** Of one node. Default 60,000. */
  readonly deadlineMs?: number;
}

export interface Audit {
  readonly uses: readonly CredentialUse[];
  /** Logs that could not be read, or not as far back as they go. */
  readonly unseen: readonly Unseen[];
  /** Some server has written which client certificate was used: in `user.extra`, since Kubernetes 1.32 (1.30 and 1.31 name tokens there, and no certificates). */
  readonly namesCredentials: boolean;
}

/** A quarter of a GiB is some days of a small cluster; a node must not feel it. */
const bytes = 256 << 20;

/** Never throws for what a log or a node does; only `interrupted` and defects. */
export async function readAudit({ nodes, shells, signal, deadlineMs = 60_000 }: AuditOptions): Promise<Audit> {
  const limits: AuditLimits = { bytes, seconds: Math.max(1, Math.floor(deadlineMs / 1000) - 10), uses: 20_000 };
  const call = { deadlineMs, ...(signal === undefined ? {} : { signal }) };
  const read = await Promise.all(
    nodes.map(async (node): Promise<NodeAudit> => {
      const path = pathOf(node);
      if (path === undefined) return { uses: [], unseen: [], namesCredentials: false };
      if ('why' in path) return { uses: [], unseen: [path], namesCredentials: false };
      try {
        return parseAudit(node.name, path.at, await shells.to(node.name).must(auditScript(path.at, limits), call));
      } catch (error) {
        const [first] = failuresOf(error) ?? [];
        if (first === undefined || first.code === 'interrupted') throw error;
        return { uses: [], unseen: [{ place: `${node.name}:${path.at}`, why: `${first.summary}: ${first.cause}` }], namesCredentials: false };
      }
    }),
  );
  const uses = read.flatMap((one) => one.uses);
  const namesCredentials = read.some((one) => one.namesCredentials);
  const anonymous = uses.length > 0 && !namesCredentials;
  const older = anonymous
    ? [{ place: 'audit logs', why: 'these API servers do not write which certificate was used (older than 1.32): users are told apart by their names and addresses alone' }]
    : [];
  return { uses, unseen: [...read.flatMap((one) => one.unseen), ...older], namesCredentials };
}

type NodeAudit = Audit;

function pathOf({ name, components }: AuditOptions['nodes'][number]): { readonly at: string } | Unseen | undefined {
  const apiserver = components.find((one) => one.name === 'kube-apiserver');
  if (apiserver === undefined) return undefined;
  const at = apiserver.flags['audit-log-path'];
  const place = `kube-apiserver@${name}`;
  if (at === undefined || at === '') return { place, why: 'it writes no audit log (--audit-log-path): who uses which client certificate is not known' };
  if (at === '-') return { place, why: 'it writes its audit log to standard output, which is not read: who uses which client certificate is not known' };
  const format = apiserver.flags['audit-log-format'];
  if (format !== undefined && format !== 'json') return { place, why: `its audit log has the format "${format}", which is not read` };
  return at.startsWith('/') ? { at } : { place, why: `its audit log is at the relative path "${at}", which is not read` };
}

/** Parses what the script has printed. Never throws: lines that it does not know are left out. */
export function parseAudit(node: string, path: string, output: string): NodeAudit {
  const place = `${node}:${path}`;
  const uses: CredentialUse[] = [];
  const unseen: Unseen[] = [];
  let namesCredentials = false;
  let isWhole = false;
  for (const line of output.split('\n')) {
    const [what, ...fields] = line.split('\t');
    if (what === 'none') return { uses: [], unseen: [{ place, why: 'there is no such file' }], namesCredentials };
    if (what === 'done') isWhole = true;
    if (what === 'log' && fields[1] === '0') unseen.push({ place, why: 'it is empty: who has used which client certificate is not known' });
    if (what === 'cut')
      unseen.push({ place, why: fields[0] === 'bytes' ? `only its newest ${bytes >> 20} MiB were read` : 'more different uses than are counted: some are left out' });
    if (what !== 'use' || fields.length !== 6) continue;
    const [user = '', credential = '', userAgent = '', address = ''] = fields.slice(0, 4).map(unescaped);
    const [firstMs, lastMs] = fields.slice(4).map((at) => Date.parse(at));
    if (firstMs === undefined || lastMs === undefined || Number.isNaN(firstMs) || Number.isNaN(lastMs)) continue;
    // k/k apiserver pkg/authentication/request/x509/x509.go: X509SHA256=<hex>. Of tokens it is JTI=<id>.
    const fingerprint = /^X509SHA256=([0-9a-f]{64})$/i.exec(credential)?.[1]?.toLowerCase() ?? '';
    if (fingerprint !== '') namesCredentials = true;
    uses.push({ user, fingerprint, userAgent, address, firstMs, lastMs });
  }
  if (!isWhole) unseen.push({ place, why: 'the reading took too long and was ended: give the control plane some rest, and look again' });
  return { uses, unseen, namesCredentials };
}

function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}
