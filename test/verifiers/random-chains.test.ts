/** Chains that nobody thought of: leaves, bundles, intermediates, usages, names and clocks drawn from the cast. The model says what the real ones say. */

import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { verifyChain } from '../../src/domain/pki/chain.js';
import type { ChainCertificate, ChainQuestion } from '../../src/domain/pki/chain-certificate.js';
import { isSignedBy } from '../../src/domain/pki/chain-certificate.js';
import { verifyLikeOpenssl } from '../../src/domain/pki/chain-openssl.js';
import type { Certificate } from '../../src/domain/pki/certificate.js';
import { castNames, certificates, now } from './cast.js';
import { askGo, whyNoGo } from './real-go.js';
import { RealOpenssl, whyNoOpenssl } from './real-openssl.js';

const day = 86_400_000;
// Drawn anew by hand: RANDOM_CHAINS_SEED=7 RANDOM_CHAINS=20000 npx vitest run --project cross test/verifiers
const seed = Number(process.env.RANDOM_CHAINS_SEED ?? 1);
const many = Number(process.env.RANDOM_CHAINS ?? 2_000);

const cas = castNames.filter((name) => !/^(leaf|name)-/.test(name));
const leaves = castNames.filter((name) => /^(leaf|name)-/.test(name));
const list = (from: readonly string[], maxLength: number): fc.Arbitrary<string> => fc.array(fc.constantFrom(...from), { maxLength }).map((names) => names.join(' '));

/** The CAs above a leaf are more telling than any others. */
const questions: fc.Arbitrary<ChainQuestion> = fc
  .record({
    leaf: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...leaves) }, { weight: 1, arbitrary: fc.constantFrom(...castNames) }),
    bundle: list(cas, 4),
    intermediates: fc.oneof(list(cas, 4), fc.constant('middle lower below-zero below-one two-below-one')),
    own: fc.boolean(),
    usage: fc.constantFrom('serverAuth' as const, 'clientAuth' as const, 'any' as const),
    name: fc.option(fc.constantFrom('leaf', 'leaf.local', 'a.leaf.local', 'ab.leaf.local', '10.0.0.1', 'fd00::1', '::ffff:10.0.0.1', 'a_b.local', 'leaf.local.'), {
      freq: 2,
      nil: undefined,
    }),
    atMs: fc.oneof(
      { weight: 6, arbitrary: fc.constant(now) },
      { weight: 1, arbitrary: fc.constantFrom(now - 1, now + 1, now - 1000, now + 999, now + 2000, now + 400 * day, now - 2 * day) },
    ),
  })
  .map(({ leaf: name, own, bundle, intermediates, name: asked, ...rest }) => {
    const [leaf] = certificates(name);
    if (leaf === undefined) throw new RangeError(name);
    const issuers = own ? cas.filter((ca) => certificates(ca)[0]?.rawSubject === leaf.rawIssuer).slice(0, 2) : [];
    return {
      leaf,
      bundle: { certificates: certificates([bundle, ...issuers].join(' ')) },
      intermediates: certificates(intermediates),
      ...rest,
      ...(asked === undefined ? {} : { name: asked }),
    };
  });

const drawn = fc.sample(questions, { numRuns: many, seed });
const inWords = (q: ChainQuestion): string => `${q.leaf.record.subject} ${q.leaf.record.fingerprint.slice(0, 8)} at ${q.atMs - now} for ${q.name} ${q.usage}`;

describe('chains at random', () => {
  it('hold and fail, in every way there is', () => {
    const verdicts = drawn.map((question) => verifyChain(question));
    const faults = new Set(verdicts.map((verdict) => (verdict.ok ? 'ok' : verdict.fault)));
    expect(faults.size).toBeGreaterThanOrEqual(10);
  });

  it('are judged the same where only the shapes of certificates are known', () => {
    for (const question of drawn.slice(0, 500)) {
      const { leaf, bundle, intermediates = [], ...rest } = question;
      const real = new Map<ChainCertificate, Certificate>();
      const shape = (certificate: Certificate): ChainCertificate => {
        const { der: _der, pem: _pem, x509: _x509, ...bare } = certificate;
        real.set(bare, certificate);
        return bare;
      };
      const signed = (child: ChainCertificate, parent: ChainCertificate): boolean => isSignedBy(real.get(child) as Certificate, real.get(parent) as Certificate);
      const planned = { ...rest, leaf: shape(leaf), bundle: { certificates: bundle.certificates.map(shape) }, intermediates: intermediates.map(shape), signed };
      const { ok } = verifyChain(question);
      expect(verifyChain(planned)).toMatchObject(ok ? { ok } : verifyChain(question));
      expect(verifyLikeOpenssl(planned)).toEqual(verifyLikeOpenssl(question));
    }
  });

  const noGo = whyNoGo();
  it.skipIf(noGo !== undefined)(`are judged as Go judges them${noGo === undefined ? '' : ` (skipped: ${noGo})`}`, () => {
    const { chains } = askGo(drawn, []);
    const differences = drawn.flatMap((question, i) => {
      const verdict = verifyChain(question);
      const model = verdict.ok ? 'ok' : verdict.fault;
      return model === chains[i]?.fault ? [] : [`${inWords(question)}: model ${model}, Go ${chains[i]?.fault} (${chains[i]?.text})`];
    });
    expect(differences).toEqual([]);
  });

  const noOpenssl = whyNoOpenssl();
  const real = new RealOpenssl();
  afterAll(() => real.close());
  it.skipIf(noOpenssl !== undefined)(`are judged as OpenSSL judges them${noOpenssl === undefined ? '' : ` (skipped: ${noOpenssl})`}`, async () => {
    const differences: string[] = [];
    for (const question of drawn.slice(0, Math.ceil(many / 20))) {
      const verdict = verifyLikeOpenssl(question);
      const [model, openssl] = [verdict.ok ? 0 : verdict.error, await real.ask(question)];
      if (model !== openssl) differences.push(`${inWords(question)}: model ${model}, OpenSSL ${openssl}`);
    }
    expect(differences).toEqual([]);
  });
});
