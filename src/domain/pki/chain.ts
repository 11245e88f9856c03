/** Does a leaf verify against a trust bundle, by the rules of Go's crypto/x509 (every Kubernetes component, etcd), and if not, why. */

import { type Certificate, usageOids } from './certificate.js';

/** What of a certificate is judged: also of one that is yet to be issued. */
export type ChainCertificate = Pick<Certificate, 'record' | 'rawSubject' | 'rawIssuer' | 'version' | 'basicConstraints' | 'keyCertSign' | 'extendedUsages'>;

export interface ChainQuestion {
  readonly signed?: (child: ChainCertificate, parent: ChainCertificate) => boolean;
  readonly leaf: ChainCertificate;
  /** What is presented after the leaf, in any order. */
  readonly intermediates?: readonly ChainCertificate[];
  readonly bundle: { readonly certificates: readonly ChainCertificate[] };
  /** Unix time in ms. */
  readonly atMs: number;
  readonly usage: 'serverAuth' | 'clientAuth' | 'any';
}

export type ChainFault =
  | 'unknown-authority'
  /** A CA of that name is there, but with another key. */
  | 'wrong-key'
  | 'expired'
  | 'not-yet-valid'
  | 'not-a-ca'
  | 'path-too-long'
  | 'wrong-usage'
  | 'too-many-checks';

export type ChainVerdict =
  | { readonly ok: true; readonly chain: readonly ChainCertificate[] }
  | {
      readonly ok: false;
      readonly fault: ChainFault;
      /** Subject of the certificate at which it failed. */
      readonly at: string;
      /** One sentence for a human. */
      readonly text: string;
    };

type Refusal = Extract<ChainVerdict, { ok: false }>;
type Place = 'leaf' | 'intermediate' | 'anchor';

/** Go stops after this many signature checks (maxChainSignatureChecks). */
const maxSignatureChecks = 100;

/** Verifies as Go does: parents by exact raw name, all of them tried, anchors date-checked, usages nested. */
export function verifyChain(question: ChainQuestion): ChainVerdict {
  const { leaf, bundle, atMs, usage } = question;
  const own = faultOf(leaf, 'leaf', [], atMs);
  if (own !== undefined) return own;
  const anchors = bundle.certificates;
  if (anchors.some((anchor) => anchor.record.fingerprint === leaf.record.fingerprint)) return withUsage([[leaf]], leaf, usage);
  const search = { anchors, intermediates: question.intermediates ?? [], atMs, checks: 0, refusals: [] as Refusal[], signed: question.signed ?? bySignature };
  const chains = chainsFrom([leaf], search);
  if (chains.length > 0) return withUsage(chains, leaf, usage);
  return mostTelling(search.refusals) ?? refusal('unknown-authority', leaf, `no CA of the name "${leaf.record.issuer}" is trusted, which issued "${leaf.record.subject}"`);
}

interface Search {
  readonly anchors: readonly ChainCertificate[];
  readonly intermediates: readonly ChainCertificate[];
  readonly atMs: number;
  checks: number;
  readonly refusals: Refusal[];
  readonly signed: (child: ChainCertificate, parent: ChainCertificate) => boolean;
}

function bySignature(child: ChainCertificate, parent: ChainCertificate): boolean {
  return (child as Certificate).x509.verify((parent as Certificate).x509.publicKey);
}

function chainsFrom(chain: readonly ChainCertificate[], search: Search): ChainCertificate[][] {
  const child = chain[chain.length - 1];
  if (child === undefined) return [];
  const found: ChainCertificate[][] = [];
  const consider = (candidate: ChainCertificate, place: Place): void => {
    if (candidate.rawSubject !== child.rawIssuer || chain.some((link) => isSameEntity(link, candidate))) return;
    search.checks++;
    if (search.checks > maxSignatureChecks) {
      search.refusals.push(
        refusal('too-many-checks', candidate, `more than ${maxSignatureChecks} signatures would have to be checked: too many CAs share the name "${candidate.record.subject}"`),
      );
      return;
    }
    const why = signingFault(child, candidate, search.signed) ?? faultOf(candidate, place, chain, search.atMs);
    if (why !== undefined) {
      search.refusals.push(why);
      return;
    }
    if (place === 'anchor') found.push([...chain, candidate]);
    else found.push(...chainsFrom([...chain, candidate], search));
  };
  for (const anchor of byKeyId(search.anchors, child)) consider(anchor, 'anchor');
  for (const intermediate of byKeyId(search.intermediates, child)) consider(intermediate, 'intermediate');
  return found;
}

/** Key identifiers only order the candidates: match, then one side missing, then mismatch (Go: findPotentialParents). */
function byKeyId(candidates: readonly ChainCertificate[], child: ChainCertificate): ChainCertificate[] {
  const rank = ({ record }: ChainCertificate): number => (child.record.aki === '' || record.ski === '' ? 1 : record.ski === child.record.aki ? 0 : 2);
  return candidates.toSorted((a, b) => rank(a) - rank(b));
}

/** Go: alreadyInChain. The same certificate again, or the same name, key and SANs, leads nowhere new. */
function isSameEntity(one: ChainCertificate, other: ChainCertificate): boolean {
  return one.rawSubject === other.rawSubject && one.record.spki === other.record.spki && one.record.sans.join() === other.record.sans.join();
}

/** Go: CheckSignatureFrom. */
function signingFault(child: ChainCertificate, parent: ChainCertificate, signed: Search['signed']): Refusal | undefined {
  if (cannotSign(parent) || parent.keyCertSign === false) {
    return refusal('not-a-ca', parent, `"${parent.record.subject}" may not sign certificates (${parent.keyCertSign === false ? 'no keyCertSign' : 'not CA:TRUE'})`);
  }
  if (signed(child, parent)) return undefined;
  return refusal('wrong-key', child, `"${child.record.subject}" was not signed by the key of the trusted CA "${parent.record.subject}" (${short(parent)})`);
}

/** Go: isValid. */
function faultOf(certificate: ChainCertificate, place: Place, chain: readonly ChainCertificate[], atMs: number): Refusal | undefined {
  const { record, basicConstraints } = certificate;
  const what = place === 'leaf' ? 'certificate' : 'CA';
  if (atMs < record.notBeforeMs) return refusal('not-yet-valid', certificate, `${what} "${record.subject}" is valid only from ${iso(record.notBeforeMs)}`);
  if (atMs > record.notAfterMs) return refusal('expired', certificate, `${what} "${record.subject}" expired at ${iso(record.notAfterMs)}`);
  if (place !== 'leaf' && cannotSign(certificate)) return refusal('not-a-ca', certificate, `"${record.subject}" is not CA:TRUE`);
  const limit = basicConstraints?.pathLength;
  if (limit !== undefined && basicConstraints?.ca === true && chain.length - 1 > limit) {
    return refusal('path-too-long', certificate, `"${record.subject}" allows ${limit} intermediates below it, there are ${chain.length - 1}`);
  }
  return undefined;
}

function cannotSign({ version, basicConstraints }: ChainCertificate): boolean {
  return basicConstraints === undefined ? version === 3 : !basicConstraints.ca;
}

/** Go: checkChainForKeyUsage. A list on any certificate of the chain, the anchor too, restricts those below. */
function withUsage(chains: readonly ChainCertificate[][], leaf: ChainCertificate, usage: ChainQuestion['usage']): ChainVerdict {
  const allowing = chains.find((chain) => usage === 'any' || chain.every((link) => allows(link, usage)));
  if (allowing !== undefined) return { ok: true, chain: allowing };
  const forbidding = chains[0]?.find((link) => usage !== 'any' && !allows(link, usage)) ?? leaf;
  return refusal('wrong-usage', forbidding, `"${forbidding.record.subject}" does not allow the usage ${usage}`);
}

function allows({ extendedUsages }: ChainCertificate, usage: 'serverAuth' | 'clientAuth'): boolean {
  return extendedUsages === undefined || extendedUsages.length === 0 || extendedUsages.includes(usageOids.any) || extendedUsages.includes(usageOids[usage]);
}

/** Of several dead ends, the one that tells an operator most: a wrong key says less than an expired CA with the right one. */
function mostTelling(refusals: readonly Refusal[]): Refusal | undefined {
  return refusals.find(({ fault }) => fault !== 'wrong-key' && fault !== 'unknown-authority') ?? refusals[0];
}

function refusal(fault: ChainFault, at: ChainCertificate, text: string): Refusal {
  return { ok: false, fault, at: at.record.subject, text };
}

function short({ record }: ChainCertificate): string {
  return `SHA-256 ${record.fingerprint.slice(0, 16)}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
