/** Does a chain lead to a pool? As Go's crypto/x509 decides it (src/crypto/x509/verify.go, cert_pool.go), and not as OpenSSL does. */

import { isIP } from 'node:net';
import { type Certificate, usageOids } from '../../domain/pki/certificate.js';

/** Certificates by their exact subject. */
export interface CertPool {
  readonly certificates: readonly Certificate[];
  bySubject(rawSubject: string): readonly Certificate[];
  has(certificate: Certificate): boolean;
}

export interface Judgement {
  readonly pool: CertPool;
  /** The clock of the verifier, Unix ms. */
  readonly nowMs: number;
  readonly usage: 'clientAuth' | 'serverAuth';
}

/** Go's maxChainSignatureChecks. */
const mostChecks = 100;
/** Signatures do not change: child and parent by fingerprint. */
const judged = new Map<string, boolean>();
const mostJudged = 20_000;

export function certPool(certificates: readonly Certificate[]): CertPool {
  const subjects = new Map<string, Certificate[]>();
  const prints = new Set<string>();
  for (const certificate of certificates) {
    if (prints.has(certificate.record.fingerprint)) continue;
    prints.add(certificate.record.fingerprint);
    subjects.set(certificate.rawSubject, [...(subjects.get(certificate.rawSubject) ?? []), certificate]);
  }
  return { certificates, bySubject: (subject) => subjects.get(subject) ?? [], has: ({ record }) => prints.has(record.fingerprint) };
}

/** Verifies the first certificate with the rest as intermediates. undefined: it holds; otherwise Go's error text. */
export function verifyChain(chain: readonly Certificate[], judgement: Judgement): string | undefined {
  const [leaf, ...rest] = chain;
  if (leaf === undefined) return 'x509: no certificate';
  const search = { ...judgement, intermediates: certPool(rest), checks: { left: mostChecks } };
  const wrong = invalid(leaf, 'leaf', [], judgement.nowMs);
  if (wrong !== undefined) return wrong;
  const found = judgement.pool.has(leaf) ? { chains: [[leaf]] } : build([leaf], search);
  if (found.chains.length === 0) return found.error ?? 'x509: certificate signed by unknown authority';
  return found.chains.some((one) => mayBeUsed(one, judgement.usage)) ? undefined : 'x509: certificate specifies an incompatible key usage';
}

/** Is the certificate for this name or address? SANs only (verify.go VerifyHostname). undefined: yes; otherwise Go's error text. */
export function verifyHost(leaf: Certificate, host: string): string | undefined {
  const of = (kind: string): string[] => leaf.record.sans.filter((san) => san.startsWith(`${kind}:`)).map((san) => san.slice(kind.length + 1));
  if (isIP(host) !== 0) {
    const addresses = of('IP');
    if (addresses.includes(host)) return undefined;
    if (addresses.length === 0) return `x509: cannot validate certificate for ${host} because it doesn't contain any IP SANs`;
    return `x509: certificate is valid for ${addresses.join(', ')}, not ${host}`;
  }
  const names = of('DNS');
  const wanted = host.toLowerCase().replace(/\.$/, '');
  if (names.some((name) => matches(name.toLowerCase(), wanted))) return undefined;
  if (leaf.record.sans.length === 0 && leaf.record.subject.includes('CN=')) return 'x509: certificate relies on legacy Common Name field, use SANs instead';
  if (names.length === 0) return `x509: certificate is not valid for any names, but wanted to match ${host}`;
  return `x509: certificate is valid for ${names.join(', ')}, not ${host}`;
}

interface Search extends Judgement {
  readonly intermediates: CertPool;
  readonly checks: { left: number };
}

interface Found {
  readonly chains: readonly (readonly Certificate[])[];
  readonly error?: string;
}

function build(chain: readonly Certificate[], search: Search): Found {
  const child = chain[chain.length - 1] as Certificate;
  const chains: (readonly Certificate[])[] = [];
  let error: string | undefined;
  let hint: string | undefined;

  function consider(parent: Certificate, kind: 'root' | 'intermediate'): void {
    if (chain.some((one) => sameEntity(one, parent))) return;
    search.checks.left -= 1;
    if (search.checks.left < 0) {
      error = 'x509: signature check attempts limit reached while verifying certificate chain';
      return;
    }
    const refused = wrongSignature(child, parent) ?? invalid(parent, kind, chain, search.nowMs);
    if (refused !== undefined) {
      hint ??= `${refused} while trying to verify candidate authority certificate "${commonName(parent)}"`;
      // A signature that fails leaves the authority unknown; a parent that is found and not valid is told of as such.
      if (wrongSignature(child, parent) === undefined) error = refused;
      return;
    }
    if (kind === 'root') {
      chains.push([...chain, parent]);
      return;
    }
    const above = build([...chain, parent], search);
    error = above.error ?? error;
    chains.push(...above.chains);
  }

  for (const root of candidates(child, search.pool)) consider(root, 'root');
  for (const intermediate of candidates(child, search.intermediates)) consider(intermediate, 'intermediate');
  if (chains.length > 0) return { chains };
  if (error !== undefined) return { chains, error };
  return {
    chains,
    error: `x509: certificate signed by unknown authority${hint === undefined ? '' : ` (possibly because of "${hint.replace(/ while trying/, '" while trying')})`}`,
  };
}

/** By the exact issuer name; key identifiers only order them: the same, one side missing, another (cert_pool.go findPotentialParents). */
function candidates(child: Certificate, pool: CertPool): Certificate[] {
  const rank = ({ record }: Certificate): number => (record.ski === child.record.aki && record.ski !== '' ? 0 : record.ski === '' || child.record.aki === '' ? 1 : 2);
  return [...pool.bySubject(child.rawIssuer)].sort((a, b) => rank(a) - rank(b));
}

/** x509.go CheckSignatureFrom. */
function wrongSignature(child: Certificate, parent: Certificate): string | undefined {
  const constraints = parent.basicConstraints;
  if ((parent.version === 3 && constraints === undefined) || constraints?.ca === false || parent.keyCertSign === false) {
    return 'x509: invalid signature: parent certificate cannot sign this kind of certificate';
  }
  const pair = `${child.record.fingerprint} ${parent.record.fingerprint}`;
  let holds = judged.get(pair);
  if (holds === undefined) {
    holds = child.x509.verify(parent.x509.publicKey);
    if (judged.size >= mostJudged) judged.clear();
    judged.set(pair, holds);
  }
  if (holds) return undefined;
  return parent.x509.publicKey.asymmetricKeyType === 'rsa' ? 'crypto/rsa: verification error' : 'x509: ECDSA verification failure';
}

/** verify.go isValid. */
function invalid(certificate: Certificate, kind: 'leaf' | 'intermediate' | 'root', below: readonly Certificate[], nowMs: number): string | undefined {
  const { notBeforeMs, notAfterMs } = certificate.record;
  const outside = (word: string, ms: number): string => `x509: certificate has expired or is not yet valid: current time ${time(nowMs)} is ${word} ${time(ms)}`;
  if (nowMs < notBeforeMs) return outside('before', notBeforeMs);
  if (nowMs > notAfterMs) return outside('after', notAfterMs);
  if (kind === 'intermediate' && certificate.basicConstraints?.ca !== true) return 'x509: certificate is not authorized to sign other certificates';
  const most = certificate.basicConstraints?.pathLength;
  if (most !== undefined && below.length - 1 > most) return 'x509: too many intermediates for path length constraint';
  return undefined;
}

/** verify.go checkChainForKeyUsage: lists nest, from the anchor down. */
function mayBeUsed(chain: readonly Certificate[], usage: Judgement['usage']): boolean {
  return chain.every(
    ({ extendedUsages }) => extendedUsages === undefined || extendedUsages.length === 0 || extendedUsages.includes(usageOids.any) || extendedUsages.includes(usageOids[usage]),
  );
}

/** verify.go alreadyInChain: the same subject and key (and SANs) would run in circles. */
function sameEntity(a: Certificate, b: Certificate): boolean {
  return a.rawSubject === b.rawSubject && a.record.spki === b.record.spki && a.record.sans.join() === b.record.sans.join();
}

function matches(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern.replace(/\.$/, '') === host;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === pattern.slice(1);
}

export function commonName(certificate: Certificate): string {
  return /(?:^|, |\+)CN=((?:\\.|[^,+\\])*)/.exec(certificate.record.subject)?.[1]?.replace(/\\(.)/g, '$1') ?? '';
}

export function organizations(certificate: Certificate): string[] {
  return [...certificate.record.subject.matchAll(/(?:^|, |\+)O=((?:\\.|[^,+\\])*)/g)].map(([, value]) => (value ?? '').replace(/\\(.)/g, '$1'));
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
