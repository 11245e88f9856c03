/**
 * Does a leaf verify against a trust bundle, by the rules of Go's crypto/x509 (every Kubernetes component, etcd), and if not, why.
 * Source: go src/crypto/x509/verify.go, cert_pool.go and x509.go, as of Go 1.26.
 */

import { type Certificate, usageOids } from './certificate.js';
import { type ChainCertificate, type ChainFault, type ChainQuestion, isSignedBy, type PlannedQuestion, type Signed } from './chain-certificate.js';
import { goNameFault } from './host-name.js';

export type { ChainFault, ChainQuestion } from './chain-certificate.js';

export type ChainVerdict<C extends ChainCertificate = Certificate> = { readonly ok: true; readonly chain: readonly C[] } | Refusal;

interface Refusal {
  readonly ok: false;
  readonly fault: ChainFault;
  /** Subject of the certificate at which it failed. */
  readonly at: string;
  /** One sentence for a human. */
  readonly text: string;
}

type Place = 'leaf' | 'intermediate' | 'anchor';

/** Go stops after this many signature checks (maxChainSignatureChecks). */
const maxSignatureChecks = 100;

/** MD5 and SHA-1 (InsecureAlgorithmError). */
const weakAlgorithms: ReadonlySet<string> = new Set(['1.2.840.113549.1.1.2', '1.2.840.113549.1.1.4', '1.2.840.113549.1.1.5', '1.2.840.10045.4.1']);

/** Verifies as Go does: parents by exact raw name, all of them tried, anchors date-checked, usages nested, names against SANs only. */
export function verifyChain(question: ChainQuestion): ChainVerdict;
export function verifyChain<C extends ChainCertificate>(question: PlannedQuestion<C>): ChainVerdict<C>;
export function verifyChain<C extends ChainCertificate>(question: ChainQuestion<C>): ChainVerdict<C> {
  const { leaf, bundle, atMs, usage, name } = question;
  const own = faultOf(leaf, 'leaf', [], atMs) ?? (name === undefined ? undefined : nameRefusal(leaf, name));
  if (own !== undefined) return own;
  const anchors = bundle.certificates;
  if (anchors.some((anchor) => anchor.record.fingerprint === leaf.record.fingerprint)) return withUsage([[leaf]], leaf, usage);
  // The overloads see to it that only real certificates come without `signed`.
  const signed = question.signed ?? (isSignedBy as unknown as Signed<C>);
  const { chains, refused } = chainsFrom([leaf], { anchors, intermediates: question.intermediates ?? [], atMs, signed, checks: 0 });
  return refused ?? withUsage(chains, leaf, usage);
}

interface Search<C> {
  readonly anchors: readonly C[];
  readonly intermediates: readonly C[];
  readonly atMs: number;
  readonly signed: (child: C, parent: C) => boolean;
  checks: number;
}

interface Found<C> {
  readonly chains: readonly (readonly C[])[];
  /** Why there is none. */
  readonly refused?: Refusal;
}

/**
 * Go: buildChains. Of several dead ends it tells of the last whose signature was right, else of the first whose signature was not.
 */
function chainsFrom<C extends ChainCertificate>(chain: readonly C[], search: Search<C>): Found<C> {
  const child = chain[chain.length - 1] as C;
  const chains: (readonly C[])[] = [];
  let refused: Refusal | undefined;
  let hint: Refusal | undefined;
  for (const { candidate, place } of candidatesFor(child, search)) {
    search.checks++;
    if (search.checks > maxSignatureChecks) {
      refused = refusal(
        'too-many-checks',
        candidate,
        `more than ${maxSignatureChecks} signatures would have to be checked: too many CAs share the name "${candidate.record.subject}"`,
      );
      break;
    }
    if (isInChain(candidate, chain)) continue;
    const wrong = signingFault(child, candidate, search.signed);
    if (wrong !== undefined) {
      hint ??= wrong;
      continue;
    }
    refused = faultOf(candidate, place, chain, search.atMs);
    if (refused !== undefined) continue;
    if (place === 'anchor') {
      chains.push([...chain, candidate]);
      continue;
    }
    const above = chainsFrom([...chain, candidate], search);
    refused = above.refused;
    chains.push(...above.chains);
    if (refused?.fault === 'too-many-checks') break;
  }
  if (chains.length > 0) return { chains };
  return {
    chains,
    refused: refused ?? hint ?? refusal('unknown-authority', child, `no CA of the name "${child.record.issuer}" is trusted, which issued "${child.record.subject}"`),
  };
}

function candidatesFor<C extends ChainCertificate>(child: C, { anchors, intermediates }: Search<C>): { candidate: C; place: Place }[] {
  return [
    ...potentialParents(anchors, child).map((candidate) => ({ candidate, place: 'anchor' as const })),
    ...potentialParents(intermediates, child).map((candidate) => ({ candidate, place: 'intermediate' as const })),
  ];
}

/** Go: findPotentialParents. By the exact name, each certificate once; key identifiers only order them: the same (or none), one side missing, another. */
function potentialParents<C extends ChainCertificate>(candidates: readonly C[], child: C): C[] {
  const { aki } = child.record;
  const rank = ({ record: { ski } }: C): number => (ski === aki ? 0 : ski === '' || aki === '' ? 1 : 2);
  const seen = new Set<string>();
  const named = candidates.filter(({ rawSubject, record }) => {
    if (rawSubject !== child.rawIssuer || seen.has(record.fingerprint)) return false;
    seen.add(record.fingerprint);
    return true;
  });
  return named.length < 2 ? named : named.sort((a, b) => rank(a) - rank(b));
}

/** Go: alreadyInChain. The same name and key again, with the same SANs, leads nowhere new; the first with other SANs ends the search if one has none. */
function isInChain(candidate: ChainCertificate, chain: readonly ChainCertificate[]): boolean {
  const sans = candidate.record.sans.join();
  for (const link of chain) {
    if (link.rawSubject !== candidate.rawSubject || link.record.spki !== candidate.record.spki) continue;
    const own = link.record.sans.join();
    if (own === sans) return true;
    if (own === '' || sans === '') return false;
  }
  return false;
}

/** Go: CheckSignatureFrom. */
function signingFault<C extends ChainCertificate>(child: C, parent: C, signed: Signed<C>): Refusal | undefined {
  const { version, basicConstraints, keyCertSign, record } = parent;
  const isNoCa = basicConstraints === undefined ? version === 3 : !basicConstraints.ca;
  if (isNoCa || keyCertSign === false) {
    return refusal('not-a-ca', parent, `"${record.subject}" may not sign certificates (${isNoCa ? 'not CA:TRUE' : 'no keyCertSign'})`);
  }
  if (weakAlgorithms.has(child.signatureAlgorithm ?? '')) return refusal('weak-signature', child, `"${child.record.subject}" is signed with MD5 or SHA-1`);
  if (signed(child, parent)) return undefined;
  return refusal('wrong-key', child, `"${child.record.subject}" was not signed by the key of the trusted CA "${record.subject}" (${short(parent)})`);
}

/** Go: isValid. */
function faultOf(certificate: ChainCertificate, place: Place, below: readonly ChainCertificate[], atMs: number): Refusal | undefined {
  const { record, basicConstraints } = certificate;
  const what = place === 'leaf' ? 'certificate' : 'CA';
  if (atMs < record.notBeforeMs) return refusal('not-yet-valid', certificate, `${what} "${record.subject}" is valid only from ${iso(record.notBeforeMs)}`);
  if (atMs > record.notAfterMs) return refusal('expired', certificate, `${what} "${record.subject}" expired at ${iso(record.notAfterMs)}`);
  // An anchor may be of version 1, which knows no constraints; an intermediate may not.
  if (place === 'intermediate' && basicConstraints?.ca !== true) return refusal('not-a-ca', certificate, `"${record.subject}" is not CA:TRUE`);
  const limit = basicConstraints?.pathLength;
  if (limit !== undefined && below.length - 1 > limit) {
    return refusal('path-too-long', certificate, `"${record.subject}" allows ${limit} intermediates below it, there are ${below.length - 1}`);
  }
  return undefined;
}

function nameRefusal(leaf: ChainCertificate, name: string): Refusal | undefined {
  const wrong = goNameFault(leaf.record, name);
  return wrong === undefined ? undefined : refusal(wrong.fault, leaf, wrong.text);
}

/** Go: checkChainForKeyUsage. A list on any certificate of the chain, the anchor too, restricts those below. */
function withUsage<C extends ChainCertificate>(chains: readonly (readonly C[])[], leaf: C, usage: ChainQuestion['usage']): ChainVerdict<C> {
  const allowing = chains.find((chain) => usage === 'any' || chain.every((link) => allows(link, usage)));
  if (allowing !== undefined) return { ok: true, chain: allowing };
  const forbidding = chains[0]?.find((link) => usage !== 'any' && !allows(link, usage)) ?? leaf;
  return refusal('wrong-usage', forbidding, `"${forbidding.record.subject}" does not allow the usage ${usage}`);
}

function allows({ extendedUsages }: ChainCertificate, usage: 'serverAuth' | 'clientAuth'): boolean {
  return extendedUsages === undefined || extendedUsages.length === 0 || extendedUsages.includes(usageOids.any) || extendedUsages.includes(usageOids[usage]);
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
