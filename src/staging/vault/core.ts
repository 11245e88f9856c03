/** The core of the Vault: who asks, whether it may, and which engine answers (vault/request_handling.go, http/logical.go). */

import { randomUUID } from 'node:crypto';
import { aclOf, matches } from './acl.js';
import { type Answer, type Outcome, Refusal, envelope, failed, permissionDenied, refusalAnswer, refused } from './answer.js';
import { createAppRoles } from './approle.js';
import type { Engine, VaultCall } from './call.js';
import { createMounts } from './mounts.js';
import { defaultPolicy } from './default-policy.js';
import { type PathRule, parsePolicy } from './policy-text.js';
import { sysRoutes } from './sys-routes.js';
import { sysStatus } from './sys-status.js';
import { tokenRoutes } from './token-routes.js';
import { type Token, createTokens } from './tokens.js';
import type { VaultCore } from './vault-core.js';

/** Paths that everybody may ask, as their engines say (PathsSpecial.Unauthenticated). */
const openPaths = ['internal/ui/mounts', 'internal/ui/mounts/*'];
/** Paths that want `sudo` (PathsSpecial.Root of the system backend). */
const sudoPaths = [
  'sys/auth/*',
  'sys/remount',
  'sys/audit',
  'sys/audit/*',
  'sys/raw',
  'sys/raw/*',
  'sys/rotate',
  'sys/seal',
  'sys/step-down',
  'auth/token/accessors/',
  'auth/token/create-orphan',
];
/** Old paths of sys whose answers repeat their data beside the envelope (http/handler.go). */
const repeating = /^sys\/(?:(?:audit|auth|mounts|policy)(?:\/.*)?|capabilities|capabilities-accessor|capabilities-self|key-status|remount|rotate)$/;

export function createCore(now: () => number): VaultCore {
  const parsed = new Map<string, readonly PathRule[]>();
  const core: VaultCore = {
    now,
    tokens: createTokens(now),
    mounts: createMounts(now),
    appRoles: createAppRoles(now),
    policies: new Map([['default', defaultPolicy]]),
    cluster: { name: `vault-cluster-${randomUUID().slice(0, 8)}`, id: randomUUID(), unsealKey: randomUUID().replaceAll('-', '').repeat(2) },
    denied: new Set(),
    sealed: false,
    aclOf(token) {
      if (token.policies.includes('root')) return undefined;
      const acl = aclOf(token.policies.flatMap((name) => rulesOf(core.policies.get(name))));
      const isDenied = (path: string): boolean => [...core.denied].some((glob) => glob === path || glob === path.replace(/\/$/, '') || matches(glob, path));
      return {
        capabilities: (path) => (isDenied(path) ? ['deny'] : acl.capabilities(path)),
        allows: (path, capability) => !isDenied(path) && acl.allows(path, capability),
        reaches: (mount) => !isDenied(mount) && acl.reaches(mount),
      };
    },
    async handle(call) {
      const target = route(core, call);
      try {
        return await answer(core, call, target);
      } catch (error) {
        if (error instanceof Refusal) return refusalAnswer(error, target.isOpen);
        throw error;
      }
    },
  };

  function rulesOf(text: string | undefined): readonly PathRule[] {
    if (text === undefined) return [];
    const known = parsed.get(text);
    if (known !== undefined) return known;
    const rules = parsePolicy(text);
    parsed.set(text, rules);
    return rules;
  }

  return core;
}

interface Target {
  readonly engine: Engine | undefined;
  /** Path below the mount. */
  readonly below: string;
  /** No token is needed. */
  readonly isOpen: boolean;
  readonly mountType: string;
}

function route(core: VaultCore, { path }: VaultCall): Target {
  const isOpen = (patterns: readonly string[], text: string): boolean => patterns.some((pattern) => pattern === text || matches(pattern, text));
  const target = (engine: Engine | undefined, below: string, open: readonly string[], type: string): Target => {
    const free = isOpen(open, below);
    return { engine, below, isOpen: free, mountType: free ? '' : type };
  };
  if (path.startsWith('sys/')) return target(sysRoutes(core), path.slice(4), openPaths, 'system');
  if (path.startsWith('auth/token/')) return target(tokenRoutes(core), path.slice(11), [], 'token');
  const auth = core.appRoles.mountOf(path);
  if (auth !== undefined) return target(core.appRoles.engine(core.tokens, auth), path.slice(auth.length), ['login'], 'approle');
  const mount = core.mounts.of(path);
  return mount === undefined ? target(undefined, path, [], '') : target(mount.engine, path.slice(mount.path.length), mount.openPaths, mount.type);
}

async function answer(core: VaultCore, call: VaultCall, target: Target): Promise<Answer> {
  const status = sysStatus(core, call);
  if (status !== undefined) return status;
  if (core.sealed) throw refused('Vault is sealed', 503);
  const caller = call.token === '' ? undefined : core.tokens.find(call.token);
  if (!target.isOpen) authorise(core, call, caller);
  if (target.engine === undefined) throw refused(`no handler for route "${call.path}". route entry not found.`, 404);
  const outcome = await target.engine({ ...call, below: target.below, caller });
  if (outcome === undefined) return call.operation === 'read' || call.operation === 'list' ? nothing : { status: 204 };
  if (call.operation === 'list' && isEmptyList(outcome)) return nothing;
  return envelope(outcome, { requestId: randomUUID(), mountType: target.mountType, repeatData: repeating.test(call.path) });
}

const nothing: Answer = { status: 404, body: { errors: [] } };

function isEmptyList({ data, warnings }: Outcome): boolean {
  if (data === undefined || data === null || Object.keys(data).length === 0) return (warnings?.length ?? 0) === 0;
  return Array.isArray(data.keys) && data.keys.length === 0;
}

/** Throws Refusal 403. A wrong token says so in a second line; a missing one does not. */
function authorise(core: VaultCore, call: VaultCall, token: Token | undefined): void {
  if (call.token === '') throw refused('permission denied', 403);
  if (token === undefined) throw failed(403, 'permission denied', 'invalid token');
  const acl = core.aclOf(token);
  if (acl === undefined) return;
  if (!acl.allows(call.path, call.operation) && !(call.operation === 'update' && isCreation(call.path) && acl.allows(call.path, 'create'))) throw permissionDenied();
  if (isSudo(call.path) && !acl.allows(call.path, 'sudo')) throw permissionDenied();
}

// Of what is here only AppRole's roles tell a creation from an update (framework's ExistenceCheck).
function isCreation(path: string): boolean {
  return /^auth\/[^/]+\/role\/[^/]+$/.test(path);
}

function isSudo(path: string): boolean {
  return sudoPaths.some((pattern) => pattern === path || matches(pattern, path));
}
