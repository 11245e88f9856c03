/** Requests whose answers the staging Vault and a real one must share. `<a.b>` stands for field b of the answer to row a, `<x.csr>` for fixtures/requests/x.csr. */

import { pkiRows, type Short } from './fidelity-pki-rows.test-support.js';

export interface Row {
  readonly name: string;
  /** 'root', 'none', 'wrong', or the row that made it. */
  readonly token: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  /** Asked of a Vault that is sealed. */
  readonly sealed?: boolean;
}

const issuers = 'path "fid/issuers" { capabilities = ["list"] }';
const mixed = [
  'path "fid/*" { capabilities = ["read", "list", "create", "update"] }',
  'path "fid/issuer/+/sign-verbatim" { capabilities = ["deny"] }',
  'path "fid/roles/+" { capabilities = ["read"] }',
  'path "fid/roles/secret" { capabilities = ["deny"] }',
  'path "sys/mounts" { capabilities = ["read"] }',
  'path "sys/auth/x" { capabilities = ["update", "sudo"] }',
].join('\n');

const sys: readonly Short[] = [
  ['health', 'none', 'GET', 'sys/health'],
  ['seal-status', 'none', 'GET', 'sys/seal-status'],
  ['leader', 'none', 'GET', 'sys/leader'],
  ['init', 'none', 'GET', 'sys/init'],
  ['mount', 'root', 'POST', 'sys/mounts/fid', { type: 'pki', config: { max_lease_ttl: '87600h' } }],
  ['mount-again', 'root', 'POST', 'sys/mounts/fid', { type: 'pki' }],
  ['mount-read', 'root', 'GET', 'sys/mounts/fid'],
  ['mount-read-nope', 'root', 'GET', 'sys/mounts/nope'],
  ['tune-read', 'root', 'GET', 'sys/mounts/fid/tune'],
  ['tune-read-nope', 'root', 'GET', 'sys/mounts/nope/tune'],
  ['tune-write', 'root', 'POST', 'sys/mounts/fid/tune', { max_lease_ttl: '87600h' }],
  ['ui-mount', 'root', 'GET', 'sys/internal/ui/mounts/fid'],
  ['ui-mount-below', 'root', 'GET', 'sys/internal/ui/mounts/fid/issuer/x'],
  ['ui-mount-nope', 'root', 'GET', 'sys/internal/ui/mounts/nope'],
  ['ui-mount-none', 'none', 'GET', 'sys/internal/ui/mounts/fid'],
  ['ui-mount-wrong', 'wrong', 'GET', 'sys/internal/ui/mounts/fid'],
  ['policy-nope', 'root', 'GET', 'sys/policies/acl/nope'],
  ['policy-write', 'root', 'POST', 'sys/policies/acl/half', { policy: issuers }],
  ['policy-mixed', 'root', 'POST', 'sys/policies/acl/mixed', { policy: mixed }],
  ['policy-read', 'root', 'GET', 'sys/policies/acl/half'],
  ['policy-read-old', 'root', 'GET', 'sys/policy/half'],
  ['policy-bad-capability', 'root', 'POST', 'sys/policies/acl/bad', { policy: 'path "x" { capabilities = ["fly"] }' }],
  ['policy-open', 'root', 'POST', 'sys/policies/acl/bad', { policy: 'path "x" {' }],
  ['policy-empty', 'root', 'POST', 'sys/policies/acl/bad', {}],
  ['sys-nonsense', 'root', 'GET', 'sys/nonsense'],
  ['unseal-open', 'none', 'POST', 'sys/unseal', {}],
  ['unseal-bad', 'none', 'POST', 'sys/unseal', { key: 'xx' }],
];

const tokens: readonly Short[] = [
  ['half', 'root', 'POST', 'auth/token/create', { policies: ['half'], ttl: '1h' }],
  ['mixed', 'root', 'POST', 'auth/token/create', { policies: ['mixed'], ttl: '1h', no_default_policy: true }],
  ['token-extra', 'root', 'POST', 'auth/token/create', { policies: ['half'], ttl: '9999h', nonsense: 1, other: 2 }],
  ['token-fixed', 'root', 'POST', 'auth/token/create', { policies: ['half'], ttl: '1h', explicit_max_ttl: '2h', display_name: 'ci', meta: { a: 'b' }, renewable: false }],
  ['lookup-root', 'root', 'GET', 'auth/token/lookup-self'],
  ['lookup', 'half', 'GET', 'auth/token/lookup-self'],
  ['lookup-none', 'none', 'GET', 'auth/token/lookup-self'],
  ['lookup-wrong', 'wrong', 'GET', 'auth/token/lookup-self'],
  ['lookup-fixed', 'token-fixed', 'GET', 'auth/token/lookup-self'],
  ['lookup-mixed', 'mixed', 'GET', 'auth/token/lookup-self'],
  ['lookup-other', 'root', 'POST', 'auth/token/lookup', { token: '<half.client_token>' }],
  ['lookup-other-nope', 'root', 'POST', 'auth/token/lookup', { token: 'nope' }],
  ['lookup-accessor-nope', 'root', 'POST', 'auth/token/lookup-accessor', { accessor: 'nope' }],
  ['renew-root', 'root', 'POST', 'auth/token/renew-self', {}],
  ['renew', 'half', 'POST', 'auth/token/renew-self', {}],
  ['renew-longer', 'half', 'POST', 'auth/token/renew-self', { increment: '2h' }],
  ['renew-bad', 'half', 'POST', 'auth/token/renew-self', { increment: 'xx' }],
  ['renew-fixed', 'token-fixed', 'POST', 'auth/token/renew-self', {}],
  ['lookup-renewed', 'half', 'GET', 'auth/token/lookup-self'],
  ['token-nonsense', 'root', 'POST', 'auth/token/nonsense', {}],
  ['token-create-read', 'root', 'GET', 'auth/token/create'],
  ['token-child', 'half', 'POST', 'auth/token/create', { policies: ['half'] }],
  ['capabilities', 'half', 'POST', 'sys/capabilities-self', { paths: ['fid/issuers', 'fid/x', 'auth/token/lookup-self'] }],
  ['capabilities-one', 'half', 'POST', 'sys/capabilities-self', { path: 'fid/issuers' }],
  ['capabilities-root', 'root', 'POST', 'sys/capabilities-self', { paths: ['fid/issuers', 'x'] }],
  ['capabilities-nothing', 'half', 'POST', 'sys/capabilities-self', {}],
  ['capabilities-wrong', 'wrong', 'POST', 'sys/capabilities-self', { paths: ['a'] }],
  ['capabilities-not-granted', 'mixed', 'POST', 'sys/capabilities-self', { paths: ['a'] }],
  ['role-denied-write', 'mixed', 'POST', 'fid/roles/any', {}],
  ['role-denied-read', 'mixed', 'GET', 'fid/roles/secret'],
  ['role-read-granted', 'mixed', 'GET', 'fid/roles/none'],
  ['segment-denied', 'mixed', 'POST', 'fid/issuer/one/sign-verbatim', { csr: '<node.csr>' }],
  ['glob-no-delete', 'mixed', 'DELETE', 'fid/issuer/one'],
  ['sys-not-granted', 'mixed', 'POST', 'sys/mounts/other', { type: 'pki' }],
  ['seal-wrong', 'wrong', 'PUT', 'sys/seal', {}],
  ['seal-not-granted', 'mixed', 'PUT', 'sys/seal', {}],
  ['revoke-self', 'token-extra', 'POST', 'auth/token/revoke-self', {}],
  ['lookup-revoked', 'token-extra', 'GET', 'auth/token/lookup-self'],
];

const appRole: readonly Short[] = [
  ['approle', 'root', 'POST', 'sys/auth/fidrole', { type: 'approle' }],
  ['approle-again', 'root', 'POST', 'sys/auth/fidrole', { type: 'approle' }],
  ['approle-role', 'root', 'POST', 'auth/fidrole/role/r', { token_ttl: '1h', token_max_ttl: '2h', token_policies: ['half'], token_no_default_policy: true }],
  ['approle-role-default', 'root', 'POST', 'auth/fidrole/role/d', { token_ttl: '1h', token_max_ttl: '2h', token_policies: 'half' }],
  ['approle-read', 'root', 'GET', 'auth/fidrole/role/r'],
  ['approle-list', 'root', 'GET', 'auth/fidrole/role?list=1'],
  ['approle-nope', 'root', 'GET', 'auth/fidrole/role/nope'],
  ['role-id', 'root', 'GET', 'auth/fidrole/role/r/role-id'],
  ['secret-id', 'root', 'POST', 'auth/fidrole/role/r/secret-id'],
  ['role-id-d', 'root', 'GET', 'auth/fidrole/role/d/role-id'],
  ['secret-id-d', 'root', 'POST', 'auth/fidrole/role/d/secret-id', {}],
  ['secret-id-nope', 'root', 'POST', 'auth/fidrole/role/nope/secret-id'],
  ['role-id-nope', 'root', 'GET', 'auth/fidrole/role/nope/role-id'],
  ['login', 'none', 'POST', 'auth/fidrole/login', { role_id: '<role-id.role_id>', secret_id: '<secret-id.secret_id>' }],
  ['login-default', 'none', 'POST', 'auth/fidrole/login', { role_id: '<role-id-d.role_id>', secret_id: '<secret-id-d.secret_id>' }],
  ['login-wrong-secret', 'none', 'POST', 'auth/fidrole/login', { role_id: '<role-id.role_id>', secret_id: 'x' }],
  ['login-wrong-role', 'none', 'POST', 'auth/fidrole/login', { role_id: 'x', secret_id: 'x' }],
  ['login-no-secret', 'none', 'POST', 'auth/fidrole/login', { role_id: '<role-id.role_id>' }],
  ['login-no-role', 'none', 'POST', 'auth/fidrole/login', { secret_id: 'x' }],
  ['login-nowhere', 'none', 'POST', 'auth/nope/login', { role_id: 'x' }],
  ['login-lookup', 'login-default', 'GET', 'auth/token/lookup-self'],
  ['login-lookup-not-granted', 'login', 'GET', 'auth/token/lookup-self'],
  ['login-renew', 'login-default', 'POST', 'auth/token/renew-self', {}],
  ['login-renew-capped', 'login-default', 'POST', 'auth/token/renew-self', { increment: '100h' }],
];

const whileSealed: readonly Short[] = [
  ['sealed-health', 'none', 'GET', 'sys/health'],
  ['sealed-health-code', 'none', 'GET', 'sys/health?sealedcode=200'],
  ['sealed-status', 'none', 'GET', 'sys/seal-status'],
  ['sealed-lookup', 'wrong', 'GET', 'auth/token/lookup-self'],
  ['sealed-list', 'none', 'GET', 'fid/issuers?list=1'],
  ['sealed-login', 'none', 'POST', 'auth/approle/login', { role_id: 'x', secret_id: 'x' }],
  ['sealed-mounts', 'wrong', 'GET', 'sys/internal/ui/mounts/fid'],
  ['sealed-unseal-nothing', 'none', 'POST', 'sys/unseal', {}],
  ['sealed-unseal-bad', 'none', 'POST', 'sys/unseal', { key: 'xx' }],
];

const row = ([name, token, method, path, body]: Short): Row => ({ name, token, method, path, ...(body === undefined ? {} : { body }) });

export const table: readonly Row[] = [...[...sys, ...tokens, ...appRole, ...pkiRows].map(row), ...whileSealed.map((short) => ({ ...row(short), sealed: true }))];
