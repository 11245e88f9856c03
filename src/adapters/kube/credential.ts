/** client-node at work: the credential of a kubeconfig as headers and a kept-alive agent, whatever kind it is. */

import type https from 'node:https';
import type { Cluster, KubeConfig } from '@kubernetes/client-node';
import { type AgentOptions, Agents } from './agents.js';
import type { Chosen } from './chosen-context.js';

export interface Applied {
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: https.Agent;
  readonly auth?: string;
}

/** What stands in for parts of the kubeconfig; undefined: as it is there. */
export interface InPlaceOf {
  readonly caPem: string | undefined;
  readonly client: { readonly certificatePem: string; readonly keyPem: string } | undefined;
}

export interface Credential {
  /** Runs an exec plugin if there is one. `renew`: not from memory. */
  apply(options?: { renew: boolean }): Promise<Applied & { readonly fromMemory: boolean }>;
  readonly isExec: boolean;
  /** The same user and cluster with other parts in place; connections of its own. */
  with(inPlaceOf: InPlaceOf): Credential;
  /** Idle connections end now, busy ones with their request. */
  retire(): void;
}

/** client-node 1.4 runs a plugin whose credential names no expiry anew for every request; kubectl keeps it. We keep it this long, and ask anew on 401. */
const execMemoryMs = 30_000;

/** client-node takes 0.6 s and much memory to load, so it is loaded when the first cluster is opened. */
export async function openCredential(chosen: Chosen, inPlaceOf: InPlaceOf): Promise<Credential> {
  const { KubeConfig: Config } = await import('@kubernetes/client-node');
  return credentialOf(() => new Config(), chosen, inPlaceOf);
}

function credentialOf(newConfig: () => KubeConfig, chosen: Chosen, inPlaceOf: InPlaceOf): Credential {
  const config = newConfig();
  // JSON is YAML; what is not chosen is left out, so that it cannot break anything.
  const kubeconfig = asKubeconfig(chosen, inPlaceOf);
  config.loadFromString(JSON.stringify(kubeconfig));
  const agents = new Agents();
  useKeptAgents(config, agents);
  const isExec = inPlaceOf.client === undefined && chosen.user.body.exec !== undefined;
  const isFixed = isWhollyEmbedded(kubeconfig.clusters[0].cluster) && isWhollyEmbedded(kubeconfig.users[0].user);
  let fixed: Applied | undefined;
  let memory: { readonly applied: Applied; readonly untilMs: number } | undefined;

  async function apply(options?: { renew: boolean }): Promise<Applied & { fromMemory: boolean }> {
    if (fixed !== undefined) return { ...fixed, fromMemory: false };
    if (memory !== undefined && memory.untilMs > performance.now() && options?.renew !== true) return { ...memory.applied, fromMemory: true };
    const given: https.RequestOptions = { headers: {} };
    await config.applyToHTTPSOptions(given);
    const applied: Applied = {
      agent: given.agent as https.Agent,
      headers: tidy(given.headers as Record<string, unknown>),
      ...(typeof given.auth === 'string' ? { auth: given.auth } : {}),
    };
    if (isFixed) fixed = applied;
    if (isExec) memory = { applied, untilMs: performance.now() + execMemoryMs };
    return { ...applied, fromMemory: false };
  }
  function retire(): void {
    fixed = undefined;
    agents.retire();
  }
  return { apply, isExec, with: (other) => credentialOf(newConfig, chosen, other), retire };
}

/** Nothing of it can change: no file, no plugin. It is worked out once and not for each request, which saves some 0.2 ms of processor time each. */
function isWhollyEmbedded(body: Readonly<Record<string, unknown>>): boolean {
  return !['certificate-authority', 'client-certificate', 'client-key', 'tokenFile', 'exec', 'auth-provider'].some((key) => body[key] !== undefined);
}

/** Token files end in a newline, which Node refuses in a header. */
function tidy(headers: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value).trim()]));
}

/** `createAgent` is private in the types; it is the one place through which each agent, also one for a proxy, comes. */
function useKeptAgents(config: KubeConfig, agents: Agents): void {
  // biome-ignore lint/complexity/useLiteralKeys: the dot would be refused for a private method
  const make = config['createAgent'].bind(config);
  // biome-ignore lint/complexity/useLiteralKeys: as above
  config['createAgent'] = (cluster: Cluster | null, options: AgentOptions) => agents.take(options, cluster?.proxyUrl ?? '', (kept) => make(cluster, kept) as https.Agent);
}

type Body = Record<string, unknown>;
interface OneOfEach {
  readonly clusters: readonly [{ readonly name: string; readonly cluster: Body }];
  readonly users: readonly [{ readonly name: string; readonly user: Body }];
  readonly contexts: readonly unknown[];
  readonly 'current-context': string;
}

function asKubeconfig(chosen: Chosen, inPlaceOf: InPlaceOf): OneOfEach {
  const { caPem, client } = inPlaceOf;
  let cluster = dataBeforeFile(chosen.cluster.body, ['certificate-authority']);
  if (caPem !== undefined) {
    const { 'certificate-authority': _file, 'insecure-skip-tls-verify': _skip, ...rest } = cluster;
    cluster = { ...rest, 'certificate-authority-data': base64(caPem) };
  }
  const user =
    client === undefined
      ? withExecInfo(withTokenFile(dataBeforeFile(chosen.user.body, ['client-certificate', 'client-key'])))
      : { 'client-certificate-data': base64(client.certificatePem), 'client-key-data': base64(client.keyPem) };
  return {
    clusters: [{ name: 'cluster', cluster }],
    users: [{ name: 'user', user }],
    contexts: [{ name: 'context', context: { cluster: 'cluster', user: 'user' } }],
    'current-context': 'context',
  };
}

/** client-go prefers embedded data to a file, client-node the file. */
function dataBeforeFile(body: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  const kept = { ...body };
  for (const key of keys) if (kept[`${key}-data`]) delete kept[key];
  return kept;
}

/** The key is `tokenFile` (client-go's api/v1 types); client-node only knows `token-file`, and reads it once. Its own provider reads it every minute. */
function withTokenFile(user: Record<string, unknown>): Record<string, unknown> {
  const { tokenFile, token: _token, ...rest } = user;
  if (typeof tokenFile !== 'string' || tokenFile === '') return user;
  return { ...rest, 'auth-provider': { name: 'tokenFile', config: { tokenFile } } };
}

/** Plugins read KUBERNETES_EXEC_INFO (kubernetes.io, "client-go credential plugins"); client-node does not set it. */
function withExecInfo(user: Record<string, unknown>): Record<string, unknown> {
  const exec = user.exec;
  if (typeof exec !== 'object' || exec === null) return user;
  const { env, apiVersion } = exec as { env?: unknown; apiVersion?: unknown };
  const info = JSON.stringify({ kind: 'ExecCredential', apiVersion: apiVersion ?? 'client.authentication.k8s.io/v1', spec: { interactive: false } });
  const given = Array.isArray(env) ? (env as unknown[]) : [];
  return { ...user, exec: { ...exec, env: [{ name: 'KUBERNETES_EXEC_INFO', value: info }, ...given] } };
}

function base64(pem: string): string {
  return Buffer.from(pem, 'utf8').toString('base64');
}
