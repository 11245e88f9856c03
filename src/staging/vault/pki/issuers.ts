/** Issuers and keys of the engine: listed, read, renamed, deleted (path_fetch_issuers.go, path_fetch_keys.go, path_config_ca.go). */

import { splitPem } from '../../../domain/pki/pem.js';
import { type Outcome, Refusal, refused } from '../answer.js';
import { type FieldKind, ignoredWarning, readFields } from '../fields.js';
import { keyIdentifier } from './key-material.js';
import { issuerNameOf } from './roots.js';
import type { IssuerEntry, PkiStore } from './store.js';

export function listIssuers(store: PkiStore): Outcome {
  const ids = Object.keys(store.issuers).sort();
  const told = ({ id, name, keyId, serial }: IssuerEntry): [string, unknown] => [
    id,
    { is_default: id === store.defaultIssuer, issuer_name: name, key_id: keyId, serial_number: serial },
  ];
  return { data: { key_info: Object.fromEntries(Object.values(store.issuers).map(told)), keys: ids } };
}

export function listKeys(store: PkiStore): Outcome {
  const info = Object.values(store.keys).map(({ id, name }) => [id, { is_default: id === store.defaultKey, key_name: name }]);
  return { data: { key_info: Object.fromEntries(info), keys: Object.keys(store.keys).sort() } };
}

export function readIssuer(store: PkiStore, reference: string): Outcome {
  return { data: describe(store.issuer(reference)) };
}

function describe(issuer: IssuerEntry): Record<string, unknown> {
  return {
    ca_chain: [issuer.certificatePem],
    certificate: issuer.certificatePem,
    crl_distribution_points: [],
    delta_crl_distribution_points: [],
    enable_aia_url_templating: false,
    issuer_id: issuer.id,
    issuer_name: issuer.name,
    issuing_certificates: [],
    key_id: issuer.keyId,
    leaf_not_after_behavior: issuer.leafNotAfter,
    manual_chain: null,
    ocsp_servers: [],
    revocation_signature_algorithm: issuer.revocationAlgorithm,
    revoked: false,
    usage: issuer.usage.join(','),
  };
}

/** issuer/REF/json, /pem and /der. */
export function readRawIssuer(store: PkiStore, reference: string, form: string): Outcome {
  const issuer = store.issuer(reference);
  if (form === 'pem') return { raw: { contentType: 'application/pem-certificate-chain', text: issuer.certificatePem } };
  if (form === 'der') return { raw: { contentType: 'application/pkix-cert', text: splitPem(issuer.certificatePem).blocks[0]?.bytes ?? '' } };
  return { data: { ca_chain: [issuer.certificatePem], certificate: issuer.certificatePem, issuer_id: issuer.id, issuer_name: issuer.name } };
}

const issuerSchema: Readonly<Record<string, FieldKind>> = {
  issuer_ref: 'string',
  issuer_name: 'string',
  leaf_not_after_behavior: 'string',
  manual_chain: 'list',
  usage: 'list',
  revocation_signature_algorithm: 'string',
  issuing_certificates: 'list',
  crl_distribution_points: 'list',
  delta_crl_distribution_points: 'list',
  ocsp_servers: 'list',
  enable_aia_url_templating: 'bool',
};
const allUsages = ['crl-signing', 'issuing-certificates', 'ocsp-signing', 'read-only'];
const behaviours = ['err', 'truncate', 'permit', 'always_enforce_err'] as const;

/** What is not given falls back to the engine's default, the name too. URLs are read and not kept. */
export function updateIssuer(store: PkiStore, reference: string, data: Readonly<Record<string, unknown>>): Outcome {
  const issuer = store.issuer(reference);
  const fields = readFields(data, issuerSchema);
  const name = issuerNameOf(store, fields, issuer.name);
  const asked = fields.text('leaf_not_after_behavior') || 'err';
  const behaviour = behaviours.find((one) => one === asked);
  if (behaviour === undefined) throw refused('Unknown value for field `leaf_not_after_behavior`. Possible values are `err`, `truncate`, and `permit`.');
  const usage = fields.list('usage', allUsages);
  if (usage.some((one) => !allUsages.includes(one))) throw refused(`Unable to parse specified usages: [${usage.join(' ')}] - valid values are ${allUsages.join(',')}`);
  Object.assign(issuer, { name, leafNotAfter: behaviour, usage: [...new Set([...usage, 'read-only'])].sort(), revocationAlgorithm: fields.text('revocation_signature_algorithm') });
  return { data: describe(issuer), warnings: ignoredWarning(fields) };
}

/** What is gone already is deleted all the same. */
export function deleteIssuer(store: PkiStore, reference: string): Outcome {
  const issuer = store.findIssuer(reference);
  if (issuer === undefined && reference !== 'default') return { data: null };
  const { id, name } = issuer ?? store.issuer(reference);
  const wasDefault = store.defaultIssuer === id;
  delete store.issuers[id];
  if (wasDefault) store.defaultIssuer = '';
  const referenced = (by: string): string[] => {
    const count = Object.values(store.roles).filter((role) => role.issuer_ref === by).length;
    return count === 0 ? [] : [`${count} roles reference ${by}`];
  };
  return {
    data: null,
    warnings: [
      ...(name === '' ? [] : referenced(name)),
      ...referenced(id),
      ...(wasDefault
        ? [
            `Deleted issuer ${id} (via issuer_ref ${reference}); this was configured as the default issuer. Operations without an explicit issuer will not work until a new default is configured.`,
            ...referenced('default'),
          ]
        : []),
    ],
  };
}

export function readKey(store: PkiStore, reference: string): Outcome {
  const { id, name, type, pem } = store.key(reference);
  return { data: { key_id: id, key_name: name, key_type: type, subject_key_id: keyIdentifier(pem) } };
}

export function updateKey(store: PkiStore, reference: string, data: Readonly<Record<string, unknown>>): Outcome {
  const key = store.key(reference);
  const fields = readFields(data, { key_ref: 'string', key_name: 'string' });
  const name = fields.text('key_name');
  if (name !== '' && !/^\w(?:[\w-.]*\w)?$/.test(name)) throw refused('new key name outside of valid character limits');
  key.name = name;
  const gone = name === '' ? [`Name successfully deleted, you will now need to reference this key by it's Id: ${key.id}`] : [];
  return { data: { key_id: key.id, key_name: key.name, key_type: key.type }, warnings: [...gone, ...ignoredWarning(fields)] };
}

export function deleteKey(store: PkiStore, reference: string): Outcome | undefined {
  const key = store.findKey(reference);
  if (key === undefined) return undefined;
  const user = Object.values(store.issuers).find(({ keyId }) => keyId === key.id);
  if (user !== undefined) throw refused(`Failed to Delete Key.  Key in Use by Issuer: ${user.id}`);
  delete store.keys[key.id];
  if (store.defaultKey !== key.id) return undefined;
  store.defaultKey = '';
  return {
    data: null,
    warnings: [
      `Deleted key ${key.id} (via key_ref ${reference}); this was configured as the default key. Operations without an explicit key will not work until a new default is configured.`,
    ],
  };
}

export function readIssuersConfig(store: PkiStore): Outcome {
  return { data: { default: store.defaultIssuer, default_follows_latest_issuer: store.followsLatest } };
}

export function writeIssuersConfig(store: PkiStore, data: Readonly<Record<string, unknown>>): Outcome {
  const fields = readFields(data, { default: 'string', default_follows_latest_issuer: 'bool' });
  store.defaultIssuer = resolved(fields.text('default'), 'issuer', (reference) => store.issuer(reference).id);
  store.followsLatest = fields.flag('default_follows_latest_issuer', store.followsLatest);
  return { ...readIssuersConfig(store), warnings: ignoredWarning(fields) };
}

export function readKeysConfig(store: PkiStore): Outcome {
  return { data: { default: store.defaultKey } };
}

export function writeKeysConfig(store: PkiStore, data: Readonly<Record<string, unknown>>): Outcome {
  const fields = readFields(data, { default: 'string' });
  store.defaultKey = resolved(fields.text('default'), 'key', (reference) => store.key(reference).id);
  return { ...readKeysConfig(store), warnings: ignoredWarning(fields) };
}

function resolved(reference: string, what: 'issuer' | 'key', find: (reference: string) => string): string {
  if (reference === '' || reference === 'default') throw refused(`Invalid ${what} specification; must be non-empty and can't be 'default'.`);
  try {
    return find(reference);
  } catch (error) {
    if (error instanceof Refusal) throw refused(`Error resolving issuer reference: ${error.texts.join('; ')}`);
    throw error;
  }
}
