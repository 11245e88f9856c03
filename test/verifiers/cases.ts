/** The table: what Go and OpenSSL say of each chain. Written down here so that a change of either, or of the model, is seen. */

import type { ChainFault, ChainQuestion } from '../../src/domain/pki/chain-certificate.js';

export interface Case {
  /** Names of the cast (cast.ts), separated by spaces. */
  readonly leaf: string;
  readonly bundle: string;
  readonly intermediates: string;
  readonly usage: ChainQuestion['usage'];
  /** Empty: none is asked for. */
  readonly name: string;
  readonly go: ChainFault | 'ok';
  /** 0: it holds. */
  readonly openssl: number;
}

type Row = readonly [leaf: string, bundle: string, intermediates: string, go: Case['go'], openssl: number];

const sameName: readonly Row[] = [
  ['leaf-a', 'a', '', 'ok', 0],
  ['leaf-a', 'a b', '', 'ok', 0],
  ['leaf-a', 'b a', '', 'ok', 0],
  ['leaf-a', 'b', '', 'wrong-key', 20],
  ['leaf-a', 'other', '', 'unknown-authority', 20],
  ['leaf-a', '', '', 'unknown-authority', 20],
  ['leaf-a', 'a a', '', 'ok', 0],
  ['leaf-a-no-aki', 'a b', '', 'ok', 0],
  ['leaf-a-no-aki', 'b a', '', 'ok', 7],
  ['leaf-a-no-aki', 'b', '', 'wrong-key', 7],
  ['leaf-a-no-aki', 'rsa a', '', 'ok', 0],
  ['leaf-rsa-no-aki', 'a rsa', '', 'ok', 0],
  ['leaf-rsa', 'a b rsa', '', 'ok', 0],
  ['leaf-a', 'a-reissued', '', 'ok', 20],
  ['leaf-a', 'a-reissued a', '', 'ok', 0],
  ['leaf-a-no-aki', 'a-reissued', '', 'ok', 0],
  ['leaf-a', 'a-no-ski', '', 'ok', 0],
  ['leaf-a', 'b-no-ski a', '', 'ok', 7],
  ['leaf-a', 'b-no-ski a-no-ski', '', 'ok', 7],
  ['leaf-a', 'a-same-ski', '', 'ok', 0],
  ['leaf-a-odd-aki', 'a', '', 'ok', 20],
  ['leaf-a-odd-aki', 'b a-no-ski', '', 'ok', 0],
  ['leaf-a-pinned', 'a', '', 'ok', 0],
  ['leaf-a-pinned', 'a-same-ski', '', 'ok', 20],
  ['leaf-a', 'a-utf8', '', 'unknown-authority', 0],
  ['leaf-a-utf8', 'a', '', 'unknown-authority', 0],
  ['leaf-a-utf8', 'a-utf8', '', 'ok', 0],
  ['leaf-a', 'a-capital', '', 'unknown-authority', 0],
  ['leaf-a', 'a-expired a', '', 'ok', 0],
  ['leaf-a', 'a a-expired', '', 'ok', 0],
  ['leaf-a', 'a-expired', '', 'expired', 10],
  ['leaf-a', 'a-future', '', 'not-yet-valid', 9],
  ['leaf-a', 'a-expired a-future', '', 'not-yet-valid', 9],
  ['leaf-a', 'a-future a-expired', '', 'expired', 9],
  ['leaf-a', 'b a-expired', '', 'expired', 10],
  ['leaf-same-serial', 'a b', '', 'ok', 0],
  ['leaf-b-same-serial', 'a b', '', 'ok', 0],
  ['leaf-rsa-ca', 'rsa-ca', '', 'ok', 0],
  ['leaf-ed25519-ca', 'ed25519-ca', '', 'ok', 0],
  ['leaf-ed25519', 'a', '', 'ok', 0],
];

const manyOfOneName: readonly Row[] = [
  ['leaf-a', 'crowd:100 a', '', 'ok', 0],
  ['leaf-a-no-aki', 'crowd:99 a', '', 'ok', 7],
  ['leaf-a-no-aki', 'crowd:100 a', '', 'too-many-checks', 7],
  ['leaf-a', 'crowd:100', '', 'wrong-key', 20],
  ['leaf-b', 'a crowd:60', 'crowd:60', 'too-many-checks', 20],
  ['leaf-lower', 'a', 'middle lower crowd:40', 'ok', 0],
];

const crossed: readonly Row[] = [
  ['leaf-b', 'a', 'b-by-a', 'ok', 0],
  ['leaf-b', 'a', 'b-by-a-no-aki', 'ok', 19],
  ['leaf-b', 'a b', 'b-by-a-no-aki', 'ok', 0],
  ['leaf-b', 'b', 'b-by-a', 'ok', 0],
  ['leaf-b', 'b-by-a', '', 'ok', 2],
  ['leaf-b', 'b-by-a-no-aki', '', 'ok', 0],
  ['leaf-b', 'a b-by-a', '', 'ok', 0],
  ['leaf-rsa', 'a', 'rsa-by-a-no-aki', 'ok', 0],
  ['leaf-other', 'a', 'other-by-a', 'ok', 0],
  ['leaf-other', 'other-by-a', '', 'ok', 2],
  ['leaf-other', 'other-by-a', 'a', 'ok', 2],
  ['leaf-other', 'other a', 'other-by-a', 'ok', 0],
  ['leaf-other', 'b', 'other-by-a', 'wrong-key', 20],
  ['leaf-other', 'a-expired', 'other-by-a', 'expired', 10],
  // In circles: it must end.
  ['leaf-other', '', 'other-by-a a-by-other', 'unknown-authority', 20],
  ['leaf-other', 'b', 'other-by-a a-by-other', 'unknown-authority', 20],
  ['leaf-a', 'other', 'other-by-a a-by-other', 'ok', 0],
  ['leaf-other', 'other-by-a a-by-other', '', 'ok', 22],
  ['leaf-other', 'other-by-a a-by-other a other', '', 'ok', 22],
  ['leaf-other', 'other a other-by-a a-by-other', '', 'ok', 0],
  ['leaf-b', '', 'a-by-b b-by-a', 'unknown-authority', 20],
];

const intermediate: readonly Row[] = [
  ['leaf-middle', 'a', '', 'unknown-authority', 20],
  ['leaf-middle', 'a', 'middle', 'ok', 0],
  ['leaf-middle', 'a', 'middle middle a leaf-middle', 'ok', 0],
  ['leaf-middle', 'middle', '', 'ok', 2],
  ['leaf-middle', 'middle', 'a', 'ok', 2],
  ['leaf-middle', 'a middle', '', 'ok', 0],
  ['leaf-middle', '', 'middle a', 'unknown-authority', 19],
  ['leaf-lower', 'a', 'middle lower', 'ok', 0],
  ['leaf-lower', 'a', 'lower middle', 'ok', 0],
  ['leaf-lower', 'a', 'lower', 'unknown-authority', 20],
  ['leaf-lower', 'b', 'lower middle', 'wrong-key', 20],
  ['leaf-middle', 'a', 'middle-expired', 'expired', 10],
  ['leaf-middle', 'a', 'middle-future', 'not-yet-valid', 9],
  ['leaf-middle', 'a', 'middle-expired middle', 'ok', 0],
  ['leaf-middle', 'b', 'middle-expired', 'expired', 20],
  ['leaf-middle', 'b', 'middle-expired middle', 'wrong-key', 20],
  ['leaf-middle', 'b', 'middle middle-expired', 'expired', 20],
  ['leaf-middle', 'a', 'middle-no-sign', 'not-a-ca', 79],
  ['leaf-middle', 'a', 'middle-no-ca', 'not-a-ca', 79],
  ['leaf-middle', 'a', 'middle-no-constraints', 'not-a-ca', 79],
  ['leaf-middle', 'a', 'middle-no-usage', 'ok', 0],
  ['leaf-middle', 'a', 'middle-v1', 'not-a-ca', 79],
  ['leaf-middle', 'middle-v1', '', 'ok', 2],
  ['leaf-by-leaf', 'a', 'leaf-a', 'not-a-ca', 79],
  ['leaf-by-leaf', 'leaf-a', '', 'not-a-ca', 2],
];

const pathLength: readonly Row[] = [
  ['leaf-zero', 'zero', '', 'ok', 0],
  ['leaf-below-zero', 'zero', 'below-zero', 'path-too-long', 25],
  ['leaf-below-zero', 'below-zero', '', 'ok', 2],
  ['leaf-zero-rolled', 'zero', 'zero-rolled', 'path-too-long', 0],
  ['leaf-below-one', 'one', 'below-one', 'ok', 0],
  ['leaf-two-below-one', 'one', 'below-one two-below-one', 'path-too-long', 25],
];

const anchors: readonly Row[] = [
  ['leaf-of-expired', 'expired', '', 'expired', 10],
  ['leaf-of-expired', 'expired a', '', 'expired', 10],
  ['leaf-of-future', 'future', '', 'not-yet-valid', 9],
  ['leaf-of-last-second', 'last-second', '', 'ok', 10],
  ['leaf-of-first-second', 'first-second', '', 'ok', 0],
  ['leaf-v1-root', 'v1-root', '', 'ok', 0],
  ['leaf-no-sign', 'no-sign', '', 'not-a-ca', 79],
  ['leaf-no-usage', 'no-usage', '', 'ok', 0],
  ['leaf-no-constraints', 'no-constraints', '', 'not-a-ca', 0],
  ['leaf-bare-root', 'bare-root', '', 'not-a-ca', 79],
  ['leaf-false-ca', 'false-ca', '', 'not-a-ca', 79],
  ['leaf-sha1-root', 'sha1-root', '', 'ok', 0],
  ['leaf-sha1', 'rsa-ca', '', 'weak-signature', 0],
  ['a', 'a', '', 'ok', 0],
  ['a', 'b', '', 'wrong-key', 18],
  ['a', '', '', 'unknown-authority', 18],
  ['a-no-ski', 'a-no-ski', '', 'ok', 0],
  ['a-no-ski', 'b-no-ski a-no-ski', '', 'ok', 18],
  ['leaf-a', 'leaf-a', '', 'ok', 20],
  ['leaf-expired', 'leaf-expired', '', 'expired', 20],
  ['leaf-self-signed', 'leaf-self-signed', '', 'ok', 0],
  ['leaf-self-signed', 'a', '', 'unknown-authority', 18],
];

const leaves: readonly Row[] = [
  ['leaf-expired', 'a', '', 'expired', 10],
  ['leaf-expired', 'b', '', 'expired', 20],
  ['leaf-future', 'a', '', 'not-yet-valid', 9],
  ['leaf-last-second', 'a', '', 'ok', 10],
  ['leaf-first-second', 'a', '', 'ok', 0],
];

type UsageRow = readonly [leaf: string, bundle: string, intermediates: string, usage: Case['usage'], go: Case['go'], openssl: number];

const usages: readonly UsageRow[] = [
  ['leaf-client', 'a', '', 'clientAuth', 'ok', 0],
  ['leaf-client', 'a', '', 'serverAuth', 'wrong-usage', 26],
  ['leaf-server', 'a', '', 'clientAuth', 'wrong-usage', 26],
  ['leaf-client', 'a', '', 'any', 'ok', 0],
  ['leaf-any', 'a', '', 'serverAuth', 'ok', 26],
  ['leaf-no-usages', 'a', '', 'clientAuth', 'ok', 0],
  ['leaf-client', 'leaf-client', '', 'serverAuth', 'wrong-usage', 20],
  ['leaf-server-root', 'server-root', '', 'serverAuth', 'ok', 0],
  ['leaf-server-root', 'server-root', '', 'clientAuth', 'wrong-usage', 26],
  ['leaf-any-root', 'any-root', '', 'clientAuth', 'ok', 26],
  ['leaf-middle', 'a', 'middle-client', 'clientAuth', 'ok', 0],
  ['leaf-middle', 'a', 'middle-client', 'serverAuth', 'wrong-usage', 26],
  ['leaf-middle', 'a', 'middle-client middle', 'serverAuth', 'ok', 26],
  ['leaf-middle', 'a', 'middle-any', 'serverAuth', 'ok', 26],
  ['leaf-server', 'b', '', 'clientAuth', 'wrong-key', 20],
];

type NameRow = readonly [leaf: string, name: string, go: Case['go'], openssl: number];

const names: readonly NameRow[] = [
  ['name-none', 'leaf', 'no-san', 0],
  ['name-none', 'other', 'no-san', 62],
  ['name-none-dotted', 'leaf.local', 'no-san', 0],
  ['name-none-star', 'a.leaf.local', 'no-san', 0],
  ['name-none-address', '10.0.0.1', 'no-san', 64],
  ['name-dns', 'leaf.local', 'ok', 0],
  ['name-dns', 'LEAF.local', 'ok', 0],
  ['name-dns', 'leaf.local.', 'ok', 62],
  ['name-dns', 'second', 'ok', 0],
  ['name-dns', 'leaf', 'wrong-name', 62],
  ['name-dns', 'a.leaf.local', 'wrong-name', 62],
  ['name-dns', '.local', 'wrong-name', 0],
  ['name-dns', '10.0.0.1', 'no-san', 64],
  ['name-ip', '10.0.0.1', 'ok', 0],
  ['name-ip', '10.0.0.2', 'wrong-name', 64],
  ['name-ip', 'fd00::1', 'ok', 0],
  ['name-ip', 'fd00:0:0::1', 'ok', 0],
  ['name-ip', '::ffff:10.0.0.1', 'ok', 64],
  ['name-ip', 'leaf.local', 'no-san', 62],
  ['name-ip', 'leaf', 'no-san', 0],
  ['name-both', '10.0.0.1', 'ok', 0],
  ['name-both', 'leaf', 'wrong-name', 62],
  ['name-star', 'a.leaf.local', 'ok', 0],
  ['name-star', 'a.b.leaf.local', 'wrong-name', 62],
  ['name-star', 'leaf.local', 'wrong-name', 62],
  ['name-star', 'a_b.leaf.local', 'ok', 62],
  ['name-star', 'xn--a.leaf.local', 'ok', 0],
  ['name-star-short', 'a.local', 'ok', 62],
  ['name-star-inside', 'a.b.leaf.local', 'wrong-name', 62],
  ['name-star-partial', 'ab.leaf.local', 'wrong-name', 0],
  ['name-star-partial', 'xyz.leaf.local', 'wrong-name', 0],
  ['name-star-partial', 'a*.leaf.local', 'ok', 0],
  ['name-star-hyphen', 'a-b.leaf.local', 'wrong-name', 62],
  ['name-star-alone', 'leaf', 'wrong-name', 62],
  ['name-address-as-dns', '10.0.0.1', 'no-san', 64],
  ['name-underscore', 'a_b.local', 'ok', 0],
  ['name-dotted-end', 'leaf.local', 'wrong-name', 62],
  ['name-dotted-end', 'leaf.local.', 'ok', 0],
  ['name-email', 'leaf.local', 'no-san', 0],
  // Before the chain, and after the dates of the leaf.
  ['leaf-expired-other-name', 'leaf.local', 'expired', 62],
];

/** For the usage clientAuth where no usage is said, and serverAuth where a name is asked for. */
export const cases: readonly Case[] = [
  ...[sameName, manyOfOneName, crossed, intermediate, pathLength, anchors, leaves]
    .flat()
    .map(([leaf, bundle, intermediates, go, openssl]): Case => ({ leaf, bundle, intermediates, usage: 'clientAuth', name: '', go, openssl })),
  ...usages.map(([leaf, bundle, intermediates, usage, go, openssl]): Case => ({ leaf, bundle, intermediates, usage, name: '', go, openssl })),
  ...names.map(([leaf, name, go, openssl]): Case => ({ leaf, bundle: 'a', intermediates: '', usage: 'serverAuth', name, go, openssl })),
  { leaf: 'name-dns', bundle: 'b', intermediates: '', usage: 'serverAuth', name: 'leaf', go: 'wrong-name', openssl: 20 },
];
