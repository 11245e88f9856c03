import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenFacts } from './token-facts.js';

const jwt = (header: unknown, payload: unknown) => [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');

describe('what a token says of itself', () => {
  it.each<[string, string, object | undefined]>([
    ['all of it', jwt({ alg: 'ES256', kid: 'k' }, { iss: 'i', sub: 's', exp: 2 }), { kid: 'k', algorithm: 'ES256', issuer: 'i', subject: 's', expiresAtMs: 2000 }],
    ['without an end, as of a Secret', `${jwt({ alg: 'RS256', kid: 'k' }, { iss: 'i', sub: 's' })}.signature\n`, { kid: 'k', algorithm: 'RS256', issuer: 'i', subject: 's' }],
    ['without the name of a key', jwt({ alg: 'RS256' }, {}), { kid: '', algorithm: 'RS256', issuer: '', subject: '' }],
    ['with parts of other kinds', jwt({ alg: 'RS256', kid: 1 }, { iss: [], sub: {}, exp: 'x' }), { kid: '', algorithm: 'RS256', issuer: '', subject: '' }],
    ['no JWT', 'abcdef.0123456789abcdef', undefined],
    ['no object', jwt([], []), undefined],
    ['nothing', '', undefined],
  ])('%s', (_, text, expected) => {
    expect(tokenFacts('here', text)).toEqual(expected === undefined ? undefined : { place: 'here', ...expected });
  });

  it('never throws, and never tells the signature', () => {
    fc.assert(
      fc.property(fc.string(), fc.json(), fc.json(), (text, header, payload) => {
        tokenFacts('here', text);
        const encoded = [header, payload].map((part) => Buffer.from(part).toString('base64url')).join('.');
        expect(JSON.stringify(tokenFacts('here', `${encoded}.CANARY`) ?? '')).not.toContain('CANARY');
      }),
    );
  });
});
