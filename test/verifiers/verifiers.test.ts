/** One table of chains, run through Go's crypto/x509, through OpenSSL and through the model: the same answers. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyChain } from '../../src/domain/pki/chain.js';
import type { ChainQuestion } from '../../src/domain/pki/chain-certificate.js';
import { verifyLikeOpenssl } from '../../src/domain/pki/chain-openssl.js';
import { type Case, cases } from './cases.js';
import { certificates, now } from './cast.js';
import { askGo, type GoAnswers, whyNoGo } from './real-go.js';
import { RealOpenssl, whyNoOpenssl } from './real-openssl.js';

const questionOf = ({ leaf, bundle, intermediates, usage, name }: Case): ChainQuestion => ({
  leaf: certificates(leaf)[0] ?? expect.fail(`no leaf ${leaf}`),
  bundle: { certificates: certificates(bundle) },
  intermediates: certificates(intermediates),
  atMs: now,
  usage,
  ...(name === '' ? {} : { name }),
});

const rows = cases.map((row) => ({ ...row, question: questionOf(row), title: `${row.leaf} [${row.bundle}] [${row.intermediates}] ${row.usage} ${row.name}`.trim() }));

describe('the model', () => {
  it('has a table of chains, each once', () => {
    expect(rows.length).toBeGreaterThanOrEqual(60);
    expect(new Set(rows.map(({ title }) => title)).size).toBe(rows.length);
  });

  it.each(rows)('$title: $go, $openssl', ({ question, go, openssl }) => {
    const verdict = verifyChain(question);
    expect(verdict.ok ? 'ok' : verdict.fault).toBe(go);
    const second = verifyLikeOpenssl(question);
    expect(second.ok ? 0 : second.error).toBe(openssl);
  });
});

const noGo = whyNoGo();
describe.skipIf(noGo !== undefined)(`Go itself${noGo === undefined ? '' : ` (skipped: ${noGo})`}`, () => {
  let answers: GoAnswers;
  beforeAll(() => {
    answers = askGo(
      rows.map(({ question }) => question),
      [],
    );
  });

  it.each(rows.map((row, i) => ({ ...row, i })))('$title: $go', ({ go, i }) => {
    const answer = answers.chains[i];
    expect(answer?.fault, answer?.text).toBe(go);
  });
});

const noOpenssl = whyNoOpenssl();
describe.skipIf(noOpenssl !== undefined)(`OpenSSL itself${noOpenssl === undefined ? '' : ` (skipped: ${noOpenssl})`}`, () => {
  const real = new RealOpenssl();
  afterAll(() => real.close());

  it.concurrent.each(rows)('$title: $openssl', async ({ question, openssl }) => {
    expect(await real.ask(question)).toBe(openssl);
  });
});
