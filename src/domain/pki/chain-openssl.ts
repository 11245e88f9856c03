/**
 * The second verdict: how OpenSSL 3 (curl, Node, Python, nginx) builds and judges a chain. It follows one path and never turns back.
 * Source: openssl crypto/x509/x509_vfy.c (build_chain, check_extensions, check_id, internal_verify) and v3_purp.c, as of 3.0.
 */

import { usageOids } from './certificate.js';
import { type ChainCertificate, type ChainFault, type ChainQuestion, isSignedBy, keyKindOf, keyKindOfSignature, type PlannedQuestion, type Signed } from './chain-certificate.js';
import { isAddress, opensslNameMatches } from './host-name.js';

/** Numbers and texts are those of `openssl verify`; `fault` is the same kind in the words of `verifyChain`. */
export type OpensslVerdict = { readonly ok: true } | { readonly ok: false; readonly error: number; readonly text: string; readonly fault: ChainFault };

const errors = {
  2: ['unknown-authority', 'unable to get issuer certificate'],
  7: ['wrong-key', 'certificate signature failure'],
  9: ['not-yet-valid', 'certificate is not yet valid'],
  10: ['expired', 'certificate has expired'],
  18: ['unknown-authority', 'self-signed certificate'],
  19: ['unknown-authority', 'self-signed certificate in certificate chain'],
  20: ['unknown-authority', 'unable to get local issuer certificate'],
  22: ['too-many-checks', 'certificate chain too long'],
  25: ['path-too-long', 'path length constraint exceeded'],
  26: ['wrong-usage', 'unsuitable certificate purpose'],
  62: ['wrong-name', 'hostname mismatch'],
  64: ['wrong-name', 'IP address mismatch'],
  79: ['not-a-ca', 'invalid CA certificate'],
} as const satisfies Record<number, readonly [ChainFault, string]>;

/** The default depth: longer chains are not built. */
const mostLinks = 101;

/** Judges as `openssl verify -CAfile bundle -untrusted intermediates` does, without partial chains, and stops at the first error. */
export function verifyLikeOpenssl(question: ChainQuestion): OpensslVerdict;
export function verifyLikeOpenssl<C extends ChainCertificate>(question: PlannedQuestion<C>): OpensslVerdict;
export function verifyLikeOpenssl<C extends ChainCertificate>(question: ChainQuestion<C>): OpensslVerdict {
  const { chain, error } = buildChain(question);
  return error === undefined ? judge(chain, question) : no(error);
}

interface Built<C> {
  readonly chain: readonly C[];
  readonly error?: 2 | 18 | 19 | 20 | 22;
}

/** build_chain: trusted issuers come first; once one is found, what the other end presented is not looked at any more. */
function buildChain<C extends ChainCertificate>({ leaf, bundle, intermediates, atMs }: ChainQuestion<C>): Built<C> {
  const chain: C[] = [leaf];
  const untrusted = [...(intermediates ?? [])];
  let hasTrusted = false;
  while (chain.length <= mostLinks) {
    const current = chain[chain.length - 1] as C;
    const issuer = issuerAmong(bundle.certificates, current, atMs);
    if (looksSelfSigned(current)) {
      // Trusted only if it is that very certificate, and not one of the same name that stands before it.
      if (hasTrusted || (issuer !== undefined && isSame(issuer, current))) return { chain };
      return { chain, error: chain.length === 1 ? 18 : 19 };
    }
    const next = issuer ?? (hasTrusted ? undefined : issuerAmong(untrusted, current, atMs));
    if (next === undefined) return { chain, error: hasTrusted ? 2 : 20 };
    if (issuer === undefined) untrusted.splice(untrusted.indexOf(next), 1);
    else hasTrusted = true;
    chain.push(next);
  }
  // Trusted CAs that signed each other: it goes in circles until the chain is too long.
  return { chain, error: 22 };
}

/** check_extensions from the leaf up, then check_id, then internal_verify from the anchor down. */
function judge<C extends ChainCertificate>(chain: readonly C[], question: ChainQuestion<C>): OpensslVerdict {
  const { usage, name, atMs } = question;
  let below = 0;
  for (const [i, link] of chain.entries()) {
    if (i > 0 && !mayBeCa(link, i === chain.length - 1)) return no(79);
    if (usage !== 'any' && link.extendedUsages?.includes(usageOids[usage]) === false) return no(26);
    const limit = link.basicConstraints?.pathLength;
    if (i > 1 && limit !== undefined && below > limit) return no(25);
    // Self-issued certificates do not count as a step of the path.
    if (i > 0 && !isSelfIssued(link)) below++;
  }
  if (name !== undefined && !opensslNameMatches(question.leaf.record, name)) return no(isAddress(name) ? 64 : 62);
  // The overloads see to it that only real certificates come without `signed`.
  const signed = question.signed ?? (isSignedBy as unknown as Signed<C>);
  for (const [i, link] of [...chain.entries()].toReversed()) {
    const signer = chain[i + 1];
    if (signer !== undefined && !signed(link, signer)) return no(7);
    const { notBeforeMs, notAfterMs } = link.record;
    const second = Math.floor(atMs / 1000) * 1000;
    if (second < notBeforeMs) return no(9);
    // X509_cmp_time: the last second itself counts as over.
    if (second >= notAfterMs) return no(10);
  }
  return { ok: true };
}

/** check_ca: at the top, without basicConstraints, a KeyUsage with keyCertSign or a self-signed certificate of version 1 will do. */
function mayBeCa(link: ChainCertificate, isTop: boolean): boolean {
  const { basicConstraints, keyCertSign, version } = link;
  if (keyCertSign === false) return false;
  if (basicConstraints !== undefined) return basicConstraints.ca;
  return isTop && (keyCertSign === true || (version === 1 && looksSelfSigned(link)));
}

/** The first that could be the issuer by names and key identifiers; one that is valid now comes before one that is not, of those the one that ends last. */
function issuerAmong<C extends ChainCertificate>(candidates: readonly C[], child: C, atMs: number): C | undefined {
  const possible = candidates.filter((candidate) => couldIssue(candidate, child));
  return possible.find(({ record }) => record.notBeforeMs <= atMs && atMs < record.notAfterMs) ?? possible.toSorted((a, b) => b.record.notAfterMs - a.record.notAfterMs)[0];
}

/** x509_likely_issued: names, key identifier, and the kind of key; not the signature. */
function couldIssue(candidate: ChainCertificate, child: ChainCertificate): boolean {
  return isSameName([candidate.rawSubject, candidate.record.subject], [child.rawIssuer, child.record.issuer]) && fits(candidate, child);
}

/** EXFLAG_SS: a same-name cross-certificate without AKI looks self-signed, if both keys are of one kind. */
function looksSelfSigned(certificate: ChainCertificate): boolean {
  return isSelfIssued(certificate) && fits(certificate, certificate);
}

function fits(issuer: ChainCertificate, child: ChainCertificate): boolean {
  const { ski, serial } = issuer.record;
  const { authority, record } = child;
  if (record.aki !== '' && ski !== '' && record.aki !== ski) return false;
  if (authority !== undefined && (authority.serial !== serial || canonical(authority.issuer) !== canonical(issuer.record.issuer))) return false;
  const [signer, key] = [keyKindOfSignature(child.signatureAlgorithm), keyKindOf(issuer)];
  return signer === undefined || key === undefined || signer === key;
}

function isSelfIssued({ rawSubject, rawIssuer, record }: ChainCertificate): boolean {
  return isSameName([rawSubject, record.subject], [rawIssuer, record.issuer]);
}

/** X509_NAME_cmp: without regard to case, to the kind of string, and to how many spaces there are. Go compares bytes. */
function isSameName([raw, text]: readonly [string, string], [otherRaw, otherText]: readonly [string, string]): boolean {
  return raw === otherRaw || canonical(text) === canonical(otherText);
}

function canonical(name: string): string {
  return name
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replace(/\\ /g, ' ')
    .replace(/\s+/g, ' ')
    .replace(/= | (?=, |\+|$)/g, (found) => found.trim());
}

function isSame(one: ChainCertificate, other: ChainCertificate): boolean {
  return one.record.fingerprint === other.record.fingerprint;
}

function no(error: keyof typeof errors): OpensslVerdict {
  const [fault, text] = errors[error];
  return { ok: false, error, text, fault };
}
