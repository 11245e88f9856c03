/** The PKI engine: its paths, and what each does with an operation (builtin/logical/pki/backend.go). */

import { type Outcome, unsupportedOperation, unsupportedPath } from '../answer.js';
import type { Engine, EngineCall, Operation } from '../call.js';
import { listCertificates, readCa, readCertificate, revoke } from './certificates.js';
import type { Limits } from './creation.js';
import {
  deleteIssuer,
  deleteKey,
  listIssuers,
  listKeys,
  readIssuer,
  readIssuersConfig,
  readKey,
  readKeysConfig,
  readRawIssuer,
  updateIssuer,
  updateKey,
  writeIssuersConfig,
  writeKeysConfig,
} from './issuers.js';
import { listRoles, readRole, roleNamed, writeRole } from './roles.js';
import { generateRoot } from './roots.js';
import { type Signing, issueWithRole, signVerbatim, signWithRole } from './signing.js';
import { type PkiStore, createPkiStore } from './store.js';

export interface PkiMount {
  readonly engine: Engine;
  readonly openPaths: readonly string[];
  dump(): unknown;
  load(dumped: unknown): void;
}

interface Place {
  readonly store: PkiStore;
  readonly limits: Limits;
  readonly call: EngineCall;
}

type Said = Promise<Outcome | undefined> | Outcome | undefined;
type Handler = (place: Place, first: string, second: string) => Said;

const name = '([^/]+)';
const paths: readonly (readonly [pattern: string, operations: Partial<Record<Operation, Handler>>])[] = [
  ['issuers', { list: ({ store }) => listIssuers(store) }],
  [`issuers/generate/root/${name}`, { update: (place, exported) => generate(place, exported, false) }],
  [`root/generate/${name}`, { update: (place, exported) => generate(place, exported, false) }],
  [`root/rotate/${name}`, { update: (place, exported) => generate(place, exported, true) }],
  [`issuer/${name}/(json|pem|der)`, { read: ({ store }, reference, form) => readRawIssuer(store, reference, form) }],
  [
    `issuer/${name}`,
    {
      read: ({ store }, reference) => readIssuer(store, reference),
      update: ({ store, call }, reference) => updateIssuer(store, reference, call.data),
      delete: ({ store }, reference) => deleteIssuer(store, reference),
    },
  ],
  [`issuer/${name}/sign-verbatim(?:/${name})?`, { update: (place, reference, role) => verbatim(place, reference, role) }],
  [`issuer/${name}/sign/${name}`, { update: (place, reference, role) => signWithRole(signing(place, reference), roleNamed(place.store, role)) }],
  [`issuer/${name}/issue/${name}`, { update: (place, reference, role) => issueWithRole(signing(place, reference), roleNamed(place.store, role)) }],
  [`sign-verbatim(?:/${name})?`, { update: (place, role) => verbatim(place, undefined, role) }],
  [`sign/${name}`, { update: (place, role) => signWithRole(signing(place, undefined), roleNamed(place.store, role)) }],
  [`issue/${name}`, { update: (place, role) => issueWithRole(signing(place, undefined), roleNamed(place.store, role)) }],
  ['keys', { list: ({ store }) => listKeys(store) }],
  [
    `key/${name}`,
    {
      read: ({ store }, reference) => readKey(store, reference),
      update: ({ store, call }, reference) => updateKey(store, reference, call.data),
      delete: ({ store }, reference) => deleteKey(store, reference),
    },
  ],
  ['roles', { list: ({ store }) => listRoles(store) }],
  [
    `roles/${name}`,
    {
      read: ({ store }, role) => readRole(store, role),
      update: ({ store, call }, role) => writeRole(store, role, call.data),
      delete: ({ store }, role) => void delete store.roles[role],
    },
  ],
  ['config/issuers', { read: ({ store }) => readIssuersConfig(store), update: ({ store, call }) => writeIssuersConfig(store, call.data) }],
  ['config/keys', { read: ({ store }) => readKeysConfig(store), update: ({ store, call }) => writeKeysConfig(store, call.data) }],
  [
    'config/urls',
    { read: () => ({ data: { crl_distribution_points: [], delta_crl_distribution_points: [], enable_templating: false, issuing_certificates: [], ocsp_servers: [] } }) },
  ],
  ['ca', { read: ({ store }) => readCa(store, 'der') }],
  ['ca/pem', { read: ({ store }) => readCa(store, 'pem') }],
  ['ca_chain', { read: ({ store }) => readCa(store, 'chain') }],
  ['certs', { list: ({ store }) => listCertificates(store) }],
  [`cert/${name}`, { read: ({ store }, serial) => readCertificate(store, serial) }],
  ['revoke', { update: ({ store, call, limits }) => revoke(store, call.data, limits.now()) }],
];
const compiled = paths.map(([pattern, operations]) => [new RegExp(`^${pattern}/?$`), operations] as const);

export function createPki(limits: Limits): PkiMount {
  const store = createPkiStore();
  // Two roots at once must not get one name: the real engine holds a lock over the whole of it.
  let turn: Promise<unknown> = Promise.resolve();

  function engine(call: EngineCall): Said {
    for (const [pattern, operations] of compiled) {
      const match = pattern.exec(call.below);
      if (match === null) continue;
      const handler = operations[call.operation];
      if (handler === undefined) throw unsupportedOperation();
      const run = async (): Promise<Outcome | undefined> => handler({ store, limits, call }, match[1] ?? '', match[2] ?? '');
      if (!/^(?:issuers\/generate|root)\//.test(call.below)) return run();
      const mine = turn.then(run);
      turn = mine.catch(() => undefined);
      return mine;
    }
    throw unsupportedPath();
  }

  return {
    engine,
    openPaths: ['cert/*', 'ca/pem', 'ca_chain', 'ca', 'issuer/+/pem', 'issuer/+/der', 'issuer/+/json', 'issuers/'],
    dump: () => store.dump(),
    load: (dumped) => store.load(dumped),
  };
}

function generate({ store, limits, call }: Place, exported: string, rotates: boolean): Promise<Outcome> {
  return generateRoot(store, limits, { exported, data: call.data, rotates });
}

function verbatim(place: Place, reference: string | undefined, role: string): Promise<Outcome> {
  return signVerbatim(signing(place, reference), role === '' ? undefined : roleNamed(place.store, role));
}

function signing({ store, limits, call }: Place, issuerRef: string | undefined): Signing {
  return { store, limits, issuerRef, data: call.data, path: call.path };
}
