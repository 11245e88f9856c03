/** The certificates of the table, by name. */

import type { Certificate } from '../../src/domain/pki/certificate.js';
import { makeAll, type Shape } from './certificate-maker.js';

const day = 86_400_000;
/** The clock of the table. */
export const now = Date.UTC(2030, 5, 1);

const dates = { notBeforeMs: now - 30 * day, notAfterMs: now + 300 * day };

function ca(cn: string, rest: Partial<Shape> = {}): Shape {
  return { cn, ca: true, keyCertSign: true, ski: 'own', aki: 'issuer', ...dates, ...rest };
}

function leaf(by: string, rest: Partial<Shape> = {}): Shape {
  return {
    cn: 'leaf',
    key: 'leaf',
    by,
    ca: false,
    keyCertSign: false,
    usages: ['serverAuth', 'clientAuth'],
    sans: ['DNS:leaf.local'],
    ski: 'none',
    aki: 'issuer',
    ...dates,
    ...rest,
  };
}

const named = (sans: readonly string[] | undefined, cn = 'leaf'): Shape => leaf('a', { cn, sans });

const shapes: Readonly<Record<string, Shape>> = {
  // One name, several keys; one key, several certificates.
  a: ca('kubernetes', { key: 'a' }),
  b: ca('kubernetes', { key: 'b' }),
  rsa: ca('kubernetes', { key: 'rsa-1' }),
  'a-reissued': ca('kubernetes', { key: 'a', ski: 'other' }),
  'a-same-ski': ca('kubernetes', { key: 'a' }),
  'a-no-ski': ca('kubernetes', { key: 'a', ski: 'none', aki: 'none' }),
  'b-no-ski': ca('kubernetes', { key: 'b', ski: 'none', aki: 'none' }),
  'a-utf8': ca('kubernetes', { key: 'a', isUtf8: true }),
  'a-capital': ca('Kubernetes', { key: 'a' }),
  'a-expired': ca('kubernetes', { key: 'a', notAfterMs: now - day }),
  'a-future': ca('kubernetes', { key: 'a', notBeforeMs: now + day }),
  other: ca('other'),
  'rsa-ca': ca('rsa ca'),
  'ed25519-ca': ca('ed25519 ca'),
  // Cross-certificates.
  'b-by-a': ca('kubernetes', { key: 'b', by: 'a' }),
  'b-by-a-no-aki': ca('kubernetes', { key: 'b', by: 'a', aki: 'none' }),
  'rsa-by-a-no-aki': ca('kubernetes', { key: 'rsa-1', by: 'a', aki: 'none' }),
  'a-by-b': ca('kubernetes', { key: 'a', by: 'b' }),
  'other-by-a': ca('other', { key: 'other', by: 'a' }),
  'a-by-other': ca('kubernetes', { key: 'a', by: 'other' }),
  // Intermediates.
  middle: ca('middle', { by: 'a' }),
  lower: ca('lower', { by: 'middle' }),
  'middle-expired': ca('middle', { key: 'middle', by: 'a', notAfterMs: now - day }),
  'middle-future': ca('middle', { key: 'middle', by: 'a', notBeforeMs: now + day }),
  'middle-client': ca('middle', { key: 'middle', by: 'a', usages: ['clientAuth'] }),
  'middle-any': ca('middle', { key: 'middle', by: 'a', usages: ['any'] }),
  'middle-no-sign': ca('middle', { key: 'middle', by: 'a', keyCertSign: false }),
  'middle-no-ca': ca('middle', { key: 'middle', by: 'a', ca: false }),
  'middle-no-constraints': ca('middle', { key: 'middle', by: 'a', ca: undefined }),
  'middle-no-usage': ca('middle', { key: 'middle', by: 'a', keyCertSign: undefined }),
  'middle-v1': ca('middle', { key: 'middle', by: 'a', version: 1 }),
  // Lengths of paths.
  zero: ca('zero', { pathLength: 0 }),
  'below-zero': ca('below zero', { by: 'zero' }),
  'zero-rolled': ca('zero', { by: 'zero' }),
  one: ca('one', { pathLength: 1 }),
  'below-one': ca('below one', { by: 'one' }),
  'two-below-one': ca('two below one', { by: 'below-one' }),
  // Anchors with something the matter.
  'server-root': ca('server root', { usages: ['serverAuth'] }),
  'any-root': ca('any root', { usages: ['any'] }),
  expired: ca('expired', { notAfterMs: now - day }),
  future: ca('future', { notBeforeMs: now + day }),
  'last-second': ca('last second', { notAfterMs: now }),
  'first-second': ca('first second', { notBeforeMs: now }),
  'v1-root': ca('v1 root', { version: 1 }),
  'no-sign': ca('no sign', { keyCertSign: false }),
  'no-usage': ca('no usage', { keyCertSign: undefined }),
  'no-constraints': ca('no constraints', { ca: undefined }),
  'bare-root': ca('bare root', { ca: undefined, keyCertSign: undefined }),
  'false-ca': ca('false ca', { ca: false }),
  'sha1-root': ca('sha1 root', { key: 'rsa-1', isSha1: true }),
  // Leaves.
  'leaf-a': leaf('a'),
  'leaf-a-no-aki': leaf('a', { aki: 'none' }),
  'leaf-a-odd-aki': leaf('a', { aki: 'other' }),
  'leaf-a-pinned': leaf('a', { aki: 'pinned' }),
  'leaf-a-utf8': leaf('a-utf8'),
  'leaf-b': leaf('b'),
  'leaf-b-no-aki': leaf('b', { aki: 'none' }),
  'leaf-rsa': leaf('rsa'),
  'leaf-rsa-no-aki': leaf('rsa', { aki: 'none' }),
  'leaf-other': leaf('other'),
  'leaf-rsa-ca': leaf('rsa-ca'),
  'leaf-ed25519-ca': leaf('ed25519-ca'),
  'leaf-ed25519': leaf('a', { key: 'ed25519-leaf' }),
  'leaf-middle': leaf('middle'),
  'leaf-lower': leaf('lower'),
  'leaf-below-zero': leaf('below-zero'),
  'leaf-zero': leaf('zero'),
  'leaf-zero-rolled': leaf('zero-rolled'),
  'leaf-below-one': leaf('below-one'),
  'leaf-two-below-one': leaf('two-below-one'),
  'leaf-server-root': leaf('server-root'),
  'leaf-any-root': leaf('any-root'),
  'leaf-of-expired': leaf('expired'),
  'leaf-of-future': leaf('future'),
  'leaf-of-last-second': leaf('last-second'),
  'leaf-of-first-second': leaf('first-second'),
  'leaf-v1-root': leaf('v1-root'),
  'leaf-no-sign': leaf('no-sign'),
  'leaf-no-usage': leaf('no-usage'),
  'leaf-no-constraints': leaf('no-constraints'),
  'leaf-bare-root': leaf('bare-root'),
  'leaf-false-ca': leaf('false-ca'),
  'leaf-sha1-root': leaf('sha1-root'),
  'leaf-sha1': leaf('rsa-ca', { isSha1: true }),
  'leaf-expired': leaf('a', { notAfterMs: now - 1000 }),
  'leaf-future': leaf('a', { notBeforeMs: now + 1000 }),
  'leaf-last-second': leaf('a', { notAfterMs: now }),
  'leaf-first-second': leaf('a', { notBeforeMs: now }),
  'leaf-client': leaf('a', { usages: ['clientAuth'] }),
  'leaf-server': leaf('a', { usages: ['serverAuth'] }),
  'leaf-any': leaf('a', { usages: ['any'] }),
  'leaf-no-usages': leaf('a', { usages: undefined }),
  'leaf-same-serial': leaf('a', { serial: '01' }),
  'leaf-b-same-serial': leaf('b', { serial: '01' }),
  'leaf-self-signed': leaf('', { by: undefined, cn: 'self', aki: 'none' }),
  'leaf-by-leaf': leaf('leaf-a', { cn: 'by a leaf', key: 'by-leaf' }),
  'leaf-expired-other-name': leaf('a', { notAfterMs: now - 1000, sans: ['DNS:another'] }),
  // Names.
  'name-none': named(undefined),
  'name-none-dotted': named(undefined, 'leaf.local'),
  'name-none-star': named(undefined, '*.leaf.local'),
  'name-none-address': named(undefined, '10.0.0.1'),
  'name-dns': named(['DNS:leaf.local', 'DNS:second']),
  'name-ip': named(['IP:10.0.0.1', 'IP:fd00::1']),
  'name-both': named(['DNS:leaf.local', 'IP:10.0.0.1']),
  'name-star': named(['DNS:*.leaf.local']),
  'name-star-short': named(['DNS:*.local']),
  'name-star-inside': named(['DNS:a.*.leaf.local']),
  'name-star-partial': named(['DNS:a*.leaf.local', 'DNS:*z.leaf.local']),
  'name-star-hyphen': named(['DNS:a-*.leaf.local']),
  'name-star-alone': named(['DNS:*']),
  'name-address-as-dns': named(['DNS:10.0.0.1']),
  'name-underscore': named(['DNS:a_b.local']),
  'name-dotted-end': named(['DNS:leaf.local.']),
  'name-email': named(['email:leaf@leaf.local'], 'leaf.local'),
};

/** CAs of one name and of keys that are not that of `a`. */
const crowd = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`crowd-${i}`, ca('kubernetes', { key: 'crowd', ski: i % 2 === 0 ? 'own' : 'other' })]));

/** Every name of the cast but those of the crowd, for chains that nobody thought of. */
export const castNames: readonly string[] = Object.keys(shapes);

let all: ReadonlyMap<string, Certificate> | undefined;

/** The certificates of these names, separated by spaces; `crowd:n` is n CAs of the same name as `a`. */
export function certificates(names: string): Certificate[] {
  all ??= makeAll({ ...shapes, ...crowd });
  return names
    .split(' ')
    .filter((name) => name !== '')
    .flatMap((name) => {
      const [, count] = /^crowd:(\d+)$/.exec(name) ?? [];
      return count === undefined ? [name] : Array.from({ length: Number(count) }, (_, i) => `crowd-${i}`);
    })
    .map((name) => all?.get(name) ?? unknown(name));
}

function unknown(name: string): never {
  throw new RangeError(`there is no certificate "${name}" in the cast`);
}
