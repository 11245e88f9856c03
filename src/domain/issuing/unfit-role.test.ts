import { describe, expect, it } from 'vitest';
import type { Role } from './role-names.js';
import { fittingRole, type LeafWish, unfitRole } from './unfit-role.js';

/** What Vault makes of a role of which nothing was said but this. */
function role(given: Role): Role {
  return {
    allow_any_name: false,
    allow_bare_domains: false,
    allow_subdomains: false,
    allow_glob_domains: false,
    allow_ip_sans: true,
    allow_localhost: true,
    allow_wildcard_certificates: true,
    allowed_domains: [],
    allowed_uri_sans: [],
    client_flag: true,
    server_flag: true,
    cn_validations: ['email', 'hostname'],
    enforce_hostnames: true,
    ext_key_usage: [],
    key_type: 'rsa',
    key_bits: 2048,
    max_ttl: 0,
    not_after: '',
    organization: [],
    ...given,
  };
}

const hourMs = 3_600_000;
const open = { allow_any_name: true, enforce_hostnames: false, max_ttl: 43_800 * 3_600 };
/** The role of the article, with the domain of a cluster. */
const article = role({ allowed_domains: ['kubernetes', 'default', 'svc', 'cluster.local'], allow_subdomains: true, allow_bare_domains: true, max_ttl: 43_800 * 3_600 });
const apiServer: LeafWish = {
  commonName: 'kube-apiserver',
  organizations: [],
  sans: ['DNS:kubernetes', 'DNS:kubernetes.default.svc', 'IP:10.32.0.1'],
  usages: ['serverAuth', 'clientAuth'],
  keyType: 'rsa-2048',
  ttlMs: 17_520 * hourMs,
};
const node: LeafWish = { ...apiServer, commonName: 'system:node:worker1', organizations: ['system:nodes'], sans: [] };

describe('a role', () => {
  it.each<[string, Role, LeafWish, string[]]>([
    ['that allows any name issues any', role(open), apiServer, []],
    ['with the organisation issues a node', role({ ...open, organization: ['system:nodes'] }), node, []],
    ['of the article cannot issue the API server', article, apiServer, ['does not allow the common name kube-apiserver']],
    [
      'of the article cannot issue a node',
      article,
      node,
      ['does not allow the common name system:node:worker1', 'gives its leaves no organisation instead of the organisation system:nodes'],
    ],
    ['of the article issues a name of its domains', article, { ...apiServer, commonName: 'kubernetes' }, []],
    [
      'of the article names each alternative name that it refuses',
      article,
      { ...apiServer, commonName: 'kubernetes', sans: ['DNS:lb.lab', 'DNS:kubernetes', 'DNS:master1'] },
      ['does not allow the alternative names lb.lab, master1'],
    ],
    ['without addresses', role({ ...open, allow_ip_sans: false }), apiServer, ['does not allow addresses as alternative names']],
    [
      'for host names only',
      role({ allow_any_name: true }),
      node,
      ['does not allow the common name system:node:worker1', 'gives its leaves no organisation instead of the organisation system:nodes'],
    ],
    [
      'with an organisation too many',
      role({ ...open, organization: ['system:masters'] }),
      apiServer,
      ['gives its leaves the organisation system:masters instead of no organisation'],
    ],
    ['for servers only', role({ ...open, client_flag: false }), apiServer, ['gives its leaves no clientAuth']],
    ['that lists its usages', role({ ...open, client_flag: false, ext_key_usage: ['ClientAuth'] }), apiServer, []],
    ['for another kind of key', role({ ...open, key_type: 'ec', key_bits: 256 }), apiServer, ['takes ec keys only, not rsa-2048']],
    ['for longer keys', role({ ...open, key_bits: 3072 }), apiServer, ['takes keys of at least 3072 bits, not rsa-2048']],
    ['for any key', role({ ...open, key_type: 'any', key_bits: 0 }), { ...apiServer, keyType: 'ecdsa-p256' }, []],
    ['for elliptic curves', role({ ...open, key_type: 'ec', key_bits: 256 }), { ...apiServer, keyType: 'ecdsa-p384' }, []],
    ['with a short life', role({ ...open, max_ttl: 720 * 3_600 }), apiServer, ['cuts the life of a leaf to 720 h']],
    ['with an end of its own', role({ ...open, not_after: '2027-01-01T00:00:00Z' }), apiServer, ['fixes the end of its leaves at 2027-01-01T00:00:00Z']],
  ])('%s', (_, given, wish, expected) => {
    expect(unfitRole(given, wish)).toEqual(expected);
  });

  it('is the first one that fits', () => {
    const roles = [
      { name: 'kubernetes', role: article },
      { name: 'nodes', role: role({ ...open, organization: ['system:nodes'] }) },
      { name: 'components', role: role(open) },
      { name: 'spare', role: role(open) },
    ];
    expect([apiServer, node].map((wish) => fittingRole(roles, wish)?.name)).toEqual(['components', 'nodes']);
    expect(fittingRole(roles, { ...node, organizations: ['system:masters'] })).toBeUndefined();
  });
});
