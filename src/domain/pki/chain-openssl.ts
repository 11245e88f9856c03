/** The second verdict: how OpenSSL 3 (curl, Node, Python, nginx) builds and judges a chain. It follows one path and never turns back. */

import type { ChainCertificate, ChainQuestion } from './chain.js';
import { type Certificate, usageOids } from './certificate.js';

/** Numbers and texts are those of `openssl verify`. */
export type OpensslVerdict = { readonly ok: true } | { readonly ok: false; readonly error: number; readonly text: string };

const texts = {
  2: 'unable to get issuer certificate',
  7: 'certificate signature failure',
  9: 'certificate is not yet valid',
  10: 'certificate has expired',
  18: 'self-signed certificate',
  19: 'self-signed certificate in certificate chain',
  20: 'unable to get local issuer certificate',
  25: 'path length constraint exceeded',
  26: 'unsuitable certificate purpose',
  79: 'invalid CA certificate',
} as const;

/** Judges as `openssl verify -CAfile bundle -untrusted intermediates` does, without partial chains. */
export function verifyLikeOpenssl(question: ChainQuestion): OpensslVerdict {
  const { bundle, atMs, usage } = question;
  const chain: ChainCertificate[] = [question.leaf];
  let trusted = bundle.certificates.some(({ record }) => record.fingerprint === question.leaf.record.fingerprint);
  for (let current = question.leaf; !looksSelfSigned(current); ) {
    const parent = issuerAmong(bundle.certificates, current, atMs);
    const next = parent ?? issuerAmong(question.intermediates ?? [], current, atMs);
    if (next === undefined || chain.length > 100) return no(trusted ? 2 : 20);
    trusted = parent !== undefined;
    chain.push(next);
    current = next;
  }
  const top = chain[chain.length - 1];
  trusted ||= bundle.certificates.some(({ record }) => record.fingerprint === top?.record.fingerprint);
  if (!trusted) return no(chain.length === 1 ? 18 : 19);
  return judge(chain, atMs, usage, question.signed ?? ((child, parent) => (child as Certificate).x509.verify((parent as Certificate).x509.publicKey)));
}

function judge(chain: readonly ChainCertificate[], atMs: number, usage: ChainQuestion['usage'], signed: NonNullable<ChainQuestion['signed']>): OpensslVerdict {
  for (const [i, link] of chain.entries()) {
    if (i > 0 && !maySign(link)) return no(79);
    const usages = link.extendedUsages;
    if (usage !== 'any' && usages !== undefined && !usages.includes(usageOids[usage])) return no(26);
    const limit = link.basicConstraints?.pathLength;
    // Self-issued certificates do not count as a step of the path.
    const below = chain.slice(1, i).filter((c) => c.rawSubject !== c.rawIssuer).length;
    if (i > 0 && limit !== undefined && below > limit) return no(25);
  }
  for (const [i, link] of [...chain.entries()].toReversed()) {
    const signer = chain[i + 1];
    if (signer !== undefined && !signed(link, signer)) return no(7);
    if (atMs < link.record.notBeforeMs) return no(9);
    if (atMs > link.record.notAfterMs) return no(10);
  }
  return { ok: true };
}

/** check_ca: without basicConstraints a KeyUsage with keyCertSign, or version 1, will do. */
function maySign({ basicConstraints, keyCertSign, version }: ChainCertificate): boolean {
  if (keyCertSign === false) return false;
  return basicConstraints === undefined ? version === 1 || keyCertSign === true : basicConstraints.ca;
}

/** The first that could be the issuer by names and key identifiers; one that is valid now comes before one that is not. */
function issuerAmong(candidates: readonly ChainCertificate[], child: ChainCertificate, atMs: number): ChainCertificate | undefined {
  const possible = candidates.filter((candidate) => couldIssue(candidate, child));
  return possible.find(({ record }) => record.notBeforeMs <= atMs && atMs <= record.notAfterMs) ?? possible.toSorted((a, b) => b.record.notAfterMs - a.record.notAfterMs)[0];
}

function couldIssue(candidate: ChainCertificate, child: ChainCertificate): boolean {
  return candidate.rawSubject === child.rawIssuer && (child.record.aki === '' || candidate.record.ski === '' || child.record.aki === candidate.record.ski);
}

/** OpenSSL looks at names and identifiers, not at the signature: a same-name cross-certificate without AKI looks self-signed. */
function looksSelfSigned({ rawSubject, rawIssuer, record }: ChainCertificate): boolean {
  return rawSubject === rawIssuer && (record.aki === '' || record.ski === '' || record.aki === record.ski);
}

function no(error: keyof typeof texts): OpensslVerdict {
  return { ok: false, error, text: texts[error] };
}
