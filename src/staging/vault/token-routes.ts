/** auth/token: look-up, creation, renewal and revocation (vault/token_store.go). */

import { type Outcome, failed, permissionDenied, refused, unsupportedOperation, unsupportedPath } from './answer.js';
import type { Engine, EngineCall, Operation } from './call.js';
import type { VaultCore } from './vault-core.js';
import { type FieldKind, ignoredWarning, readFields } from './fields.js';
import { type Token, authOf, lookupOf, systemDefaultSeconds, systemMaxSeconds } from './tokens.js';

type Handler = (core: VaultCore, call: EngineCall) => Outcome | undefined;

const createSchema: Readonly<Record<string, FieldKind>> = {
  id: 'string',
  policies: 'list',
  no_default_policy: 'bool',
  no_parent: 'bool',
  ttl: 'duration',
  lease: 'duration',
  explicit_max_ttl: 'duration',
  period: 'duration',
  display_name: 'string',
  meta: 'map',
  num_uses: 'int',
  renewable: 'bool',
  type: 'string',
  entity_alias: 'string',
};

const routes: Readonly<Record<string, Partial<Record<Operation, Handler>>>> = {
  create: { update: (core, call) => create(core, call, false) },
  'create-orphan': { update: (core, call) => create(core, call, true) },
  'lookup-self': { read: lookupSelf, update: lookupSelf },
  lookup: { read: lookupSelf, update: (core, call) => ({ data: lookupOf(named(core, call), core.now()) }) },
  'lookup-accessor': { update: lookupAccessor },
  'renew-self': { update: (core, call) => renew(core, call, callerOf(call)) },
  renew: { update: (core, call) => renew(core, call, core.tokens.find(textIn(call, 'token'))) },
  'revoke-self': { update: (core, call) => void core.tokens.revoke(callerOf(call)) },
  revoke: { update: (core, call) => void revokeIfThere(core, core.tokens.find(textIn(call, 'token'))) },
  'revoke-accessor': { update: revokeAccessor },
  'accessors/': { list: (core) => ({ data: { keys: core.tokens.all().map(({ accessor }) => accessor) } }) },
};

export function tokenRoutes(core: VaultCore): Engine {
  return (call) => {
    const operations = routes[call.below];
    if (operations === undefined) throw unsupportedPath();
    const handler = operations[call.operation];
    if (handler === undefined) throw unsupportedOperation();
    return handler(core, call);
  };
}

function callerOf({ caller }: EngineCall): Token {
  if (caller === undefined) throw permissionDenied();
  return caller;
}

function textIn(call: EngineCall, name: string): string {
  return String(call.data[name] ?? '');
}

function named(core: VaultCore, call: EngineCall): Token {
  const id = textIn(call, 'token');
  const token = id === '' ? callerOf(call) : core.tokens.find(id);
  if (token === undefined) throw refused('bad token', 403);
  return token;
}

function lookupSelf(core: VaultCore, call: EngineCall): Outcome {
  return { data: lookupOf(callerOf(call), core.now()) };
}

function lookupAccessor(core: VaultCore, call: EngineCall): Outcome {
  const token = byAccessor(core, call);
  return { data: { ...lookupOf(token, core.now()), id: '' } };
}

function byAccessor(core: VaultCore, call: EngineCall): Token {
  const accessor = textIn(call, 'accessor');
  if (accessor === '') throw refused('missing accessor');
  const token = core.tokens.byAccessor(accessor);
  if (token === undefined) throw failed(400, 'invalid accessor');
  return token;
}

function revokeAccessor(core: VaultCore, call: EngineCall): undefined {
  core.tokens.revoke(byAccessor(core, call));
}

function revokeIfThere(core: VaultCore, token: Token | undefined): void {
  if (token !== undefined) core.tokens.revoke(token);
}

function renew(core: VaultCore, call: EngineCall, token: Token | undefined): Outcome {
  const fields = readFields(call.data, { token: 'string', increment: 'duration' });
  if (token === undefined) throw refused('token not found');
  if (token.expiresMs === undefined) throw refused('invalid lease ID');
  if (!token.renewable) throw refused('lease is not renewable');
  const { seconds, warnings } = core.tokens.renew(token, fields.seconds('increment'));
  return { auth: authOf(token, seconds), warnings: [...warnings, ...ignoredWarning(fields)] };
}

/** A child may have what its parent has; root and sudo may give anything. */
function create(core: VaultCore, call: EngineCall, orphan: boolean): Outcome {
  const parent = callerOf(call);
  const fields = readFields(call.data, createSchema);
  const isRoot = core.aclOf(parent) === undefined;
  const asked = fields.has('policies') ? fields.list('policies') : [...parent.policies];
  const foreign = asked.filter((policy) => policy !== 'default' && !parent.policies.includes(policy));
  if (!isRoot && foreign.length > 0) throw refused('child policies must be subset of parent');
  const policies = [...new Set([...(fields.flag('no_default_policy') || asked.includes('root') ? [] : ['default']), ...asked])];
  const explicitMaxTtl = fields.seconds('explicit_max_ttl');
  const wanted = fields.seconds('ttl') || fields.seconds('lease');
  const endless = wanted === 0 && policies.includes('root');
  const limit = Math.min(explicitMaxTtl || systemMaxSeconds, systemMaxSeconds);
  const ttl = endless ? 0 : Math.min(wanted || systemDefaultSeconds, limit);
  const token = core.tokens.create({
    policies,
    displayName: fields.text('display_name') === '' ? 'token' : `token-${fields.text('display_name')}`,
    path: orphan ? 'auth/token/create-orphan' : 'auth/token/create',
    meta: (call.data.meta as Record<string, string> | undefined) ?? null,
    orphan: orphan || fields.flag('no_parent'),
    ttl,
    explicitMaxTtl,
    renewable: !endless && fields.flag('renewable', true),
  });
  return { auth: authOf(token, ttl), warnings: ignoredWarning(fields) };
}
