/** Turns what the script of a node has printed into records. */

import { createHash, createPublicKey } from 'node:crypto';
import { posix } from 'node:path';
import type { FileRecord } from '../../domain/cluster/inventory.js';
import { kubeconfigLines, readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import { fail } from '../../domain/errors.js';
import { splitPem } from '../../domain/pki/pem.js';
import { type CertificatePool, openPool } from '../certificate-pool.js';

export interface NodeFindings {
  readonly files: readonly FileRecord[];
  /** Texts of static pod manifests by path; read for flags and forgotten. */
  readonly manifests: ReadonlyMap<string, string>;
  readonly tools: ReadonlySet<string>;
  /** Arguments of the running kubelet, program first. */
  readonly kubelet: readonly string[] | undefined;
  readonly units: readonly UnitFindings[];
  readonly pods: readonly PodFindings[];
  /** By component, Unix time in ms by the clock of the node: of several processes the last that was started. */
  readonly startedAtMs: ReadonlyMap<string, number>;
}

/** A component in a pod on the host's network that is not kubeadm's. */
export interface PodFindings {
  readonly component: string;
  /** As the process has it, program first. */
  readonly args: readonly string[];
}

/** A component that systemd runs. */
export interface UnitFindings {
  readonly component: string;
  /** `etcd.service` */
  readonly unit: string;
  /** As the process has it, program first. */
  readonly args: readonly string[];
  /** `ETCD_NAME=...`, of etcd alone. */
  readonly environment: readonly string[];
  /** `FragmentPath=...`, as systemctl prints it. */
  readonly properties: readonly string[];
}

/** What the script says of one file; each part may be missing, because files come and go. */
interface Found {
  readonly kind: string;
  readonly path: string;
  linkTo?: string;
  attributes?: { readonly mode: string; readonly uid: number; readonly gid: number; readonly modifiedAtMs?: number };
  sha256?: string;
  text: string[];
  publicKey: string[];
  refs: string[];
}

/** Parses the script's output; certificates go into the pool. Throws command-failed if its end is missing. */
export function readFindings(node: string, output: string, pool = openPool()): NodeFindings {
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
  const found = new Map<string, Found>();
  const tools = new Set<string>();
  let kubelet: readonly string[] | undefined;
  const units: { component: string; unit: string; args: string[]; environment: string[]; properties: string[] }[] = [];
  const pods: PodFindings[] = [];
  const started: (readonly [component: string, ticks: number])[] = [];
  let bootMs = Number.NaN;
  let take: (text: string) => void = () => undefined;
  for (const line of lines) {
    if (line.startsWith('|')) {
      take(line.slice(1));
      continue;
    }
    take = () => undefined;
    const sum = /^(\\?)([0-9a-f]{64}) [ *](.+)$/.exec(line);
    const [what = '', ...fields] = line.split(' ');
    const rest = fields.join(' ');
    const file = found.get(rest);
    if (sum !== null) {
      // sha256sum puts a backslash in front of a line whose name has one, and doubles that.
      const of = found.get(sum[1] === '' ? (sum[3] ?? '') : (sum[3] ?? '').replaceAll('\\\\', '\\'));
      if (of !== undefined) of.sha256 = sum[2] ?? '';
    } else if (what === 'file') {
      const path = fields.slice(1).join(' ');
      found.set(path, { kind: fields[0] ?? '', path, text: [], publicKey: [], refs: [] });
    } else if (what === 'link' && file !== undefined)
      take = (text) => {
        file.linkTo = text;
      };
    else if (what === 'stat') {
      const [mode = '', uid, gid, written, ...path] = fields;
      const of = found.get(path.join(' '));
      if (of !== undefined) of.attributes = { mode: mode.padStart(4, '0'), uid: Number(uid), gid: Number(gid), ...timeOf('modifiedAtMs', Number(written) * 1000) };
    } else if (what === 'text' && file !== undefined) take = (text) => void file.text.push(text);
    else if (what === 'key' && file !== undefined) take = (text) => void file.publicKey.push(text);
    else if (what === 'refs' && file !== undefined) take = (text) => void file.refs.push(text);
    else if (what === 'unit') {
      const [component = '', name = '', command, environment] = fields;
      const unit = { component, unit: name, args: parts(decoded(command), '\0'), environment: parts(decoded(environment), '\n'), properties: [] as string[] };
      units.push(unit);
      take = (text) => void unit.properties.push(text);
    } else if (what === 'pod') pods.push({ component: fields[0] ?? '', args: parts(decoded(fields[1]), '\0') });
    // starttime is field 22 of proc(5), in hundredths of a second since boot (USER_HZ).
    else if (what === 'started') started.push([fields[0] ?? '', Number(fields[20])]);
    else if (what === 'clock') bootMs = Number(fields[0]) - Number(fields[1]) * 1000;
    else if (what === 'tool') tools.add(rest);
    else if (what === 'kubelet') kubelet = parts(decoded(rest), '\0');
  }
  // Without attributes it is a link that leads nowhere, or it went away while it was read.
  const there = [...found.values()].filter((file) => file.attributes !== undefined || file.linkTo !== undefined).sort((a, b) => (a.path < b.path ? -1 : 1));
  const manifests = new Map(there.flatMap((file) => (file.kind === 'manifest' ? [[file.path, file.text.join('\n')] as const] : [])));
  const startedAtMs = new Map<string, number>();
  for (const [component, ticks] of started) {
    const at = Math.round(bootMs + ticks * 10);
    if (Number.isFinite(at)) startedAtMs.set(component, Math.max(at, startedAtMs.get(component) ?? at));
  }
  return { files: there.map((file) => recordOf(file, pool)), manifests, tools, kubelet, units, pods, startedAtMs };
}

function timeOf<K extends string>(key: K, ms: number): { [P in K]?: number } {
  return Number.isFinite(ms) ? ({ [key]: Math.round(ms) } as { [P in K]: number }) : {};
}

function parts(text: string, separator: string): string[] {
  return text.split(separator).filter((part) => part !== '');
}

function recordOf({ kind, path, linkTo, attributes, sha256, text: textLines, publicKey, refs }: Found, pool: CertificatePool): FileRecord {
  const text = textLines.map((line) => `${line}\n`).join('');
  const common = { path, sha256: sha256 ?? '', ...(attributes ?? { mode: '0777', uid: 0, gid: 0 }), ...(linkTo === undefined ? {} : { linkTo }) };
  if (kind === 'kubeconfig') return { ...common, kind, ...kubeconfigIn(path, text, pool) };
  if (kind === 'manifest' || kind === 'config') return { ...common, kind, certificates: [], ...(refs.length === 0 ? {} : { refs: refsIn(refs) }) };
  const certificates = pool.recordsOf(text);
  const keySpki = publicKeySpki(text) ?? publicKeySpki(publicKey.join('\n'));
  const fileKind = certificates.length === 0 ? 'key' : certificates[0]?.isCa === true ? 'bundle' : 'leaf';
  return { ...common, kind: fileKind, certificates, ...(keySpki === undefined ? {} : { keySpki }) };
}

/** `clientCAFile: /etc/kubernetes/pki/ca.pem`, in YAML of one value a line. */
function refsIn(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, key, path] = /^\s*(?:- )?([A-Za-z][A-Za-z-]*):\s*"?(\/[^\s"]+)"?\s*$/.exec(line) ?? [];
      return key === undefined || path === undefined ? [] : [[key, path] as const];
    }),
  );
}

function kubeconfigIn(path: string, text: string, pool: CertificatePool): Pick<FileRecord, 'certificates' | 'client' | 'server' | 'refs' | 'refLines'> {
  try {
    const { caPem = '', clientCertificatePem = '', server, caFile, clientCertificateFile, clientKeyFile } = readKubeconfig(text);
    const client = pool.recordsOf(clientCertificatePem)[0];
    const named = { 'certificate-authority': caFile, 'client-certificate': clientCertificateFile, 'client-key': clientKeyFile };
    // A relative path is one from the folder of the kubeconfig (client-go tools/clientcmd/loader.go ResolveLocalPaths).
    const refs = Object.entries(named).flatMap(([key, to]) => (to === undefined ? [] : [[key, to.startsWith('/') ? to : posix.join(posix.dirname(path), to)] as const]));
    return {
      certificates: pool.recordsOf(caPem),
      server,
      ...(client === undefined ? {} : { client }),
      ...(refs.length === 0 ? {} : { refs: Object.fromEntries(refs), refLines: linesOf(refs, kubeconfigLines(text)) }),
    };
  } catch {
    // What is left of it after its secrets were taken out, or the file itself, is no kubeconfig: its CAs still count.
    const data = [...text.matchAll(/certificate-authority-data: *"?([A-Za-z0-9+/=]+)/g)].map((match) => decoded(match[1]));
    return { certificates: data.flatMap(pool.recordsOf) };
  }
}

export function linesOf(refs: readonly (readonly [key: string, to: string])[], lines: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(refs.flatMap(([key]) => (lines[key] === undefined ? [] : [[key, lines[key]] as const])));
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
  return Buffer.from(field ?? '', 'base64').toString('utf8');
}
