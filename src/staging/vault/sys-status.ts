/** The part of sys that answers without a token and while sealed: health, seal status, unsealing (http/sys_health.go, http/sys_seal.go). */

import { type Answer, refused } from './answer.js';
import type { VaultCall } from './call.js';
import type { VaultCore } from './vault-core.js';
import { vaultVersion } from './mounts.js';

/** undefined: the path is none of these. */
export function sysStatus(core: VaultCore, call: VaultCall): Answer | undefined {
  switch (call.path) {
    case 'sys/health':
      return { status: healthStatus(core, call), body: health(core) };
    case 'sys/seal-status':
      return call.operation === 'read' ? { status: 200, body: sealStatus(core) } : methodNotAllowed;
    case 'sys/leader':
      return call.operation === 'read' ? { status: 200, body: leader } : methodNotAllowed;
    case 'sys/init':
      return call.operation === 'read' ? { status: 200, body: { initialized: true } } : { status: 400, body: { errors: ['Vault is already initialized'] } };
    case 'sys/unseal':
      return call.operation === 'update' ? unseal(core, call) : methodNotAllowed;
    default:
      return undefined;
  }
}

const methodNotAllowed: Answer = { status: 405, body: { errors: [] } };

const leader = {
  ha_enabled: false,
  is_self: false,
  active_time: '0001-01-01T00:00:00Z',
  leader_address: '',
  leader_cluster_address: '',
  performance_standby: false,
  performance_standby_last_remote_wal: 0,
};

function healthStatus(core: VaultCore, { data }: VaultCall): number {
  const chosen = core.sealed ? data.sealedcode : data.activecode;
  return Number(chosen ?? (core.sealed ? 503 : 200));
}

function health(core: VaultCore): Record<string, unknown> {
  const { sealed, cluster } = core;
  return {
    initialized: true,
    sealed,
    standby: sealed,
    performance_standby: false,
    replication_performance_mode: sealed ? 'unknown' : 'disabled',
    replication_dr_mode: sealed ? 'unknown' : 'disabled',
    server_time_utc: Math.floor(core.now() / 1_000),
    version: vaultVersion,
    enterprise: false,
    ...(sealed ? {} : { cluster_name: cluster.name, cluster_id: cluster.id }),
    echo_duration_ms: 0,
    clock_skew_ms: 0,
    replication_primary_canary_age_ms: 0,
  };
}

function sealStatus(core: VaultCore): Record<string, unknown> {
  const { sealed, cluster } = core;
  return {
    type: 'shamir',
    initialized: true,
    sealed,
    t: 1,
    n: 1,
    progress: 0,
    nonce: '',
    version: vaultVersion,
    build_date: '2025-10-17T18:45:23Z',
    migration: false,
    ...(sealed ? {} : { cluster_name: cluster.name, cluster_id: cluster.id }),
    recovery_seal: false,
  };
}

function unseal(core: VaultCore, { data }: VaultCall): Answer {
  if (data.reset === true) {
    if (!core.sealed) throw refused('vault is unsealed');
    return { status: 200, body: sealStatus(core) };
  }
  const key = String(data.key ?? '');
  if (key === '') throw refused("'key' must be specified in request body as JSON, or 'reset' set to true");
  const isHex = /^(?:[0-9a-f]{2})+$/i.test(key);
  if (!isHex && !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(key)) throw refused("'key' must be a valid hex or base64 string");
  const hex = isHex && key.length === 64 ? key.toLowerCase() : Buffer.from(key, 'base64').toString('hex');
  if (hex !== core.cluster.unsealKey) {
    const bytes = hex.length / 2;
    throw refused(
      bytes < 16
        ? `key is shorter than minimum 16 bytes`
        : bytes > 33
          ? `key is longer than maximum 33 bytes`
          : `failed to setup unseal key: crypto/aes: invalid key size ${bytes}`,
    );
  }
  core.sealed = false;
  return { status: 200, body: sealStatus(core) };
}
