/** Does an edge verify, given what one end presents and what the other verifies with? Pure; each question is answered once. */

import { verifyChain } from '../pki/chain.js';
import type { ChainCertificate } from '../pki/chain-certificate.js';
import { verifyLikeOpenssl } from '../pki/chain-openssl.js';
import type { Certificates } from './certificates.js';
import type { Content, Edge } from './graph.js';
import { unfitPair } from './state.js';

/** undefined: it verifies. Otherwise why not, in one sentence. */
export type Answer = string | undefined;

export type Predicate = (edge: Edge, presented: Content, verifying: Content) => Answer;

/** `atMs`: the clock by which certificates are judged, Unix time in ms. */
export function predicate(certificates: Certificates, atMs: number): Predicate {
  // A cluster of a thousand nodes asks a million times, with a few thousand contents: those get numbers, and an answer is found by two of them.
  const numbers = new WeakMap<Content, number>();
  const byText = new Map<string, number>();
  const numberOf = (content: Content): number => {
    const known = numbers.get(content);
    if (known !== undefined) return known;
    const text = content.join(',');
    const number = byText.get(text) ?? byText.size;
    byText.set(text, number);
    numbers.set(content, number);
    return number;
  };
  const tables = new Map<string, Map<number, Answer>>();
  const tableOf = new WeakMap<Edge, Map<number, Answer>>();
  const answersFor = (edge: Edge): Map<number, Answer> => {
    const known = tableOf.get(edge);
    if (known !== undefined) return known;
    const question = `${edge.class === 'S1' ? 'signs' : edge.leg} ${edge.rules} ${edge.leg === 'server' ? (edge.name ?? '') : ''}`;
    const table = tables.get(question) ?? new Map<number, Answer>();
    tables.set(question, table);
    tableOf.set(edge, table);
    return table;
  };
  return (edge, presented, verifying) => {
    const answers = answersFor(edge);
    const key = numberOf(presented) * mostContents + numberOf(verifying);
    const known = answers.get(key);
    if (known !== undefined || answers.has(key)) return known;
    const answer = ask(edge, presented, verifying, { certificates, atMs });
    answers.set(key, answer);
    return answer;
  };
}

/** Two numbers below this are one number without loss. */
const mostContents = 2 ** 26;

interface Asked {
  readonly certificates: Certificates;
  readonly atMs: number;
}

function ask(edge: Edge, presented: Content, verifying: Content, asked: Asked): Answer {
  if (presented === unfitPair) return 'certificate and key do not belong together: what is loaded stays, and a process that starts anew does not take them';
  if (edge.leg === 'token') return ofToken(presented, verifying);
  if (edge.class === 'S1') return ofSigner(presented, verifying, asked.certificates);
  return ofChain(edge, presented, verifying, asked);
}

function ofToken([key]: Content, verifying: Content): Answer {
  if (key === undefined) return 'no key signs tokens';
  return verifying.includes(key) ? undefined : `the key that signed the token (${key.slice(0, 12)}) is not among those by which tokens are verified`;
}

/** The signer reads exactly one certificate (k/k pkg/controller/certificates/signer/ca_provider.go setCA), and whoever is given a leaf of it presents that to API servers. */
function ofSigner(presented: Content, verifying: Content, certificates: Certificates): Answer {
  const [ca] = presented;
  if (ca === undefined || presented.length > 1)
    return `the signer reads exactly one certificate, and its file holds ${presented.length}: it signs nothing, and kube-controller-manager does not start again`;
  return verifying.includes(ca) ? undefined : `what it signs, with ${certificates.name(ca)}, is accepted by nobody who trusts ${named(verifying, certificates)}`;
}

function ofChain(edge: Edge, presented: Content, verifying: Content, { certificates, atMs }: Asked): Answer {
  const [leaf, ...intermediates] = presented.flatMap((id) => certificates.of(id) ?? []);
  if (leaf === undefined) return 'there is no certificate to present';
  const bundle = { certificates: verifying.flatMap((id) => certificates.of(id) ?? []) };
  if (bundle.certificates.length === 0) return 'the trust bundle holds no certificate';
  const usage = edge.leg === 'server' ? 'serverAuth' : 'clientAuth';
  const name = edge.leg === 'server' && edge.name ? { name: edge.name } : {};
  const question = { leaf, intermediates, bundle, atMs, usage, signed: certificates.signed, ...name } as const;
  const verdict = verifyChain<ChainCertificate>(question);
  if (!verdict.ok) return `${certificates.name(presented[0] ?? '')} does not verify against ${named(verifying, certificates)}: ${verdict.text}`;
  if (edge.rules === 'openssl') {
    const second = verifyLikeOpenssl(question);
    if (!second.ok) return `${certificates.name(presented[0] ?? '')} verifies by the rules of Go but not by those of OpenSSL: error ${second.error}, ${second.text}`;
  }
  return undefined;
}

function named(verifying: Content, certificates: Certificates): string {
  return verifying.map((id) => certificates.name(id)).join(' + ');
}
