/** Reads what only the script of a full scan prints: where PEM is damaged, DER, tokens. Never throws for what is in it. */

import type { ScanFinding, TokenRecord, Unseen } from '../../domain/cluster/inventory.js';
import { parseCertificate } from '../../domain/pki/certificate.js';
import { pemOf, splitPem } from '../../domain/pki/pem.js';
import type { CertificatePool } from '../certificate-pool.js';
import { type Reference, referencesOf } from './manifest-references.js';
import { findingsOfKubeconfig } from './read-kubeconfigs.js';
import { tokenFacts } from '../tokens/token-facts.js';

export interface FullFindings {
  readonly findings: readonly ScanFinding[];
  readonly tokens: readonly TokenRecord[];
  /** The node, and what its static pods name. */
  readonly node: string;
  readonly references: readonly Reference[];
  readonly unseen: readonly Unseen[];
}

const looksLikePem = /\.(crt|cer|pem|key|pub)$/;

export function readFullFindings(node: string, output: string, pool: CertificatePool): FullFindings {
  const findings: ScanFinding[] = [];
  const tokens: TokenRecord[] = [];
  const unseen: Unseen[] = [];
  const kinds = new Map<string, string>();
  const texts = new Map<string, string[]>();
  const marks = new Map<string, string[]>();
  let take: (text: string) => void = () => undefined;
  for (const line of output.split('\n')) {
    if (line.startsWith('|')) {
      take(line.slice(1));
      continue;
    }
    take = () => undefined;
    const [, what = '', rest = ''] = /^(\S+) (.*)$/.exec(line) ?? [];
    if (what === 'file') kinds.set(rest.slice(rest.indexOf(' ') + 1), rest.slice(0, rest.indexOf(' ')));
    else if (what === 'text' || what === 'marks') {
      const lines: string[] = [];
      (what === 'text' ? texts : marks).set(rest, lines);
      take = (text) => void lines.push(text);
    } else if (what === 'plain') findings.push(...ofPlain(node, rest, pool));
    else if (what === 'claims') {
      const [, claims = '', path = ''] = /^(\S+) (.*)$/.exec(rest) ?? [];
      const facts = tokenFacts(`${node}:${path}`, claims);
      if (facts !== undefined) tokens.push(facts);
    } else if (what === 'odd' && Number(rest) > 0) unseen.push({ place: node, why: `files with a newline in their names were left out: ${rest}` });
  }
  for (const [path, lines] of marks) findings.push(...ofMarks(`${node}:${path}`, lines, texts.get(path) ?? []));
  const references: Reference[] = [];
  for (const [path, lines] of texts) {
    const text = lines.map((line) => `${line}\n`).join('');
    if (kinds.get(path) === 'manifest') references.push(...referencesOf(path, text));
    if (kinds.get(path) !== 'kubeconfig') continue;
    const read = findingsOfKubeconfig(`${node}:${path}`, text);
    findings.push(...read.findings);
    unseen.push(...read.unseen);
  }
  return { node, findings, tokens, references, unseen };
}

function ofPlain(node: string, rest: string, pool: CertificatePool): ScanFinding[] {
  const [, der = '-', path = ''] = /^(\S+) (.*)$/.exec(rest) ?? [];
  const place = `${node}:${path}`;
  if (der !== '-' && pool.recordsOf(pemOf('CERTIFICATE', Buffer.from(der, 'base64'))).length > 0)
    return [{ code: 'der-not-pem', place, meaning: 'it is a certificate in DER: whatever reads PEM here finds none' }];
  return looksLikePem.test(path) ? [{ code: 'pem-broken', place: `${place}:1`, meaning: 'there is no PEM block in it: whatever reads it finds nothing' }] : [];
}

interface Mark {
  readonly line: number;
  readonly edge: 'BEGIN' | 'END' | '?';
  readonly label: string;
}

/** A BEGIN that its own END does not follow is no block for Go (encoding/pem Decode): what stands in it is passed over in silence. */
function ofMarks(place: string, lines: readonly string[], text: readonly string[]): ScanFinding[] {
  const found = lines.map(markOf);
  const broken = (line: number, meaning: string): ScanFinding => ({ code: 'pem-broken', place: `${place}:${line}`, meaning });
  const findings: ScanFinding[] = [];
  const whole: Mark[] = [];
  for (const [index, mark] of found.entries()) {
    const [before, next] = [found[index - 1], found[index + 1]];
    if (mark.edge === '?') findings.push(broken(mark.line, 'a line of BEGIN or END is not as it must be: the block is passed over'));
    else if (mark.edge === 'BEGIN') {
      if (next?.edge === 'END' && next.label === mark.label) whole.push(mark);
      else findings.push(broken(mark.line, `the block "${mark.label}" has no end of its own: it is passed over`));
    } else if (before?.edge !== 'BEGIN') findings.push(broken(mark.line, `an END of "${mark.label}" without its BEGIN`));
  }
  const certificates = whole.filter(({ label }) => label === 'CERTIFICATE');
  findings.push(...ofCertificates(certificates, text, broken));
  const key = whole.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (key !== undefined && certificates.length > 0 && holdsCasAlone(text))
    findings.push({ code: 'key-in-bundle', place: `${place}:${key.line}`, meaning: 'a private key lies in a bundle of CAs, which others may read' });
  return findings;
}

/** The texts of whole certificates came in their order, so that the nth of them is the nth that is marked. */
function ofCertificates(marks: readonly Mark[], text: readonly string[], broken: (line: number, meaning: string) => ScanFinding): ScanFinding[] {
  let nth = -1;
  const bodies: string[][] = [];
  for (const line of text) {
    if (line.startsWith('-----BEGIN ')) nth = line === '-----BEGIN CERTIFICATE-----' ? bodies.push([]) - 1 : -1;
    if (nth >= 0) bodies[nth]?.push(line);
  }
  return marks.flatMap(({ line }, index) => {
    const body = bodies[index];
    return body === undefined || isCertificate(body.join('\n')) ? [] : [broken(line, 'the block is no certificate: a reader refuses the file, or passes over it')];
  });
}

function isCertificate(text: string): boolean {
  const [block] = splitPem(`${text}\n`).blocks;
  if (block === undefined) return false;
  try {
    parseCertificate(block.bytes);
    return true;
  } catch {
    return false;
  }
}

function holdsCasAlone(text: readonly string[]): boolean {
  const { blocks } = splitPem(`${text.join('\n')}\n`);
  return blocks.filter(({ label }) => label === 'CERTIFICATE').every(({ bytes }) => isCa(bytes));
}

function isCa(bytes: Uint8Array): boolean {
  try {
    return parseCertificate(bytes).record.isCa;
  } catch {
    return false;
  }
}

function markOf(text: string): Mark {
  const [, line = '0', edge = '?', label = ''] = /^(\d+) \s*-----(BEGIN|END) (.*)-----$/.exec(text) ?? /^(\d+) /.exec(text) ?? [];
  return { line: Number(line), edge: edge === 'BEGIN' || edge === 'END' ? edge : '?', label };
}
