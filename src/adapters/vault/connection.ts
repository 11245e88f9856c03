/** Calls of Vault's HTTP API through node-vault, whose errors end here: an AxiosError carries the request with the token in it. */

import nodeVault from 'node-vault';
import { fail } from '../../domain/errors.js';
import { redact } from '../../domain/redact.js';
import type { Secret } from '../../domain/secret.js';
import type { VaultSettings } from './settings.js';

export interface VaultCall {
  readonly method: 'GET' | 'LIST' | 'POST' | 'DELETE';
  /** Without a leading slash and without "v1/". */
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  /** A second time does no harm: it may be repeated after a lost connection or a status of 5xx. */
  readonly repeatable: boolean;
}

export interface VaultAnswer {
  /** HTTP status; 200 also for 204 and for any answer of sys/health. */
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly errors: readonly string[];
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface VaultConnection {
  readonly settings: VaultSettings;
  /** Throws RotationError vault-unreachable, interrupted; a refusal by Vault is an answer. */
  call(call: VaultCall, options?: CallOptions): Promise<VaultAnswer>;
  /** The token of all calls from now on; undefined: none. */
  useToken(token: Secret | undefined): void;
}

export type Wait = (ms: number) => Promise<void>;

/** Opens nothing yet. `wait` is what passes between two attempts. */
export function vaultConnection(settings: VaultSettings, wait: Wait): VaultConnection {
  const { tls } = settings;
  // By a name of its own, because the types of node-vault do not know rpDefaults.
  const options = {
    endpoint: settings.address,
    // Lists by GET with ?list=1: proxies and HTTP servers, Node's own among them, refuse the method LIST.
    noCustomHTTPVerbs: true,
    // The default prints request bodies, private keys among them, when DEBUG says so.
    debug: () => {},
    // Otherwise any VAULT_SKIP_VERIFY in our environment, "false" too, turns verification off.
    rpDefaults: { strictSSL: tls.verify },
    // No headers here: the client would write the first token into them and keep it.
    requestOptions: {
      ca: [...tls.ca],
      ...(tls.certificatePem === undefined ? {} : { cert: tls.certificatePem }),
      ...(tls.key === undefined ? {} : { key: tls.key.reveal() }),
      strictSSL: tls.verify,
      timeout: settings.timeoutMs,
      agentOptions: { keepAlive: true, ...(tls.serverName === undefined ? {} : { servername: tls.serverName }) },
    },
  };
  const client = nodeVault(options);
  // These have been read from our environment if they were not given; '' cannot be given.
  client.token = '';
  const prefixed = client as { namespace?: string; pathPrefix?: string };
  prefixed.namespace = settings.namespace;
  prefixed.pathPrefix = '';

  async function once({ method, path, body }: VaultCall): Promise<VaultAnswer | { readonly lost: string }> {
    try {
      const answer: unknown =
        method === 'GET'
          ? await client.read(path)
          : method === 'LIST'
            ? await client.list(path)
            : method === 'DELETE'
              ? await client.delete(path)
              : await client.write(path, body ?? {});
      return { status: 200, body: recordOf(answer), errors: [] };
    } catch (error) {
      return answerOf(error) ?? { lost: lossOf(error) };
    }
  }

  return {
    settings,
    useToken(token) {
      client.token = token === undefined ? '' : token.reveal().toString('utf8');
    },
    async call(call, { signal } = {}) {
      for (let attempt = 0; ; attempt++) {
        const answer = await unlessAborted(once(call), signal);
        const again = call.repeatable && attempt < settings.maxRetries;
        if ('lost' in answer) {
          if (!again) return unreachable(settings, answer.lost);
        } else if (!again || !isPassing(answer)) {
          return answer;
        }
        await unlessAborted(wait(250 * 2 ** attempt), signal);
      }
    },
  };
}

// 501: not initialised. A sealed Vault waits for a human.
function isPassing({ status, errors }: VaultAnswer): boolean {
  return (status >= 500 && status !== 501 && !errors.includes('Vault is sealed')) || status === 412 || status === 429;
}

/** Ends at once when the operator asks; node-vault cannot cancel what is on its way, so its end is not waited for. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  work.catch(() => {}); // It may fail after we have left.
  let leave = (): void => {};
  const aborted = new Promise<'aborted'>((resolve) => {
    leave = () => resolve('aborted');
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
  });
  try {
    const first = await Promise.race([aborted, work]);
    if (first !== 'aborted') return first as T;
  } finally {
    signal.removeEventListener('abort', leave);
  }
  return fail('interrupted', {
    target: 'Vault',
    summary: 'A request to Vault was given up',
    cause: 'the operator asked to stop',
    nextAction: 'Run "rotate-ca resume"',
    retryable: true,
  });
}

function answerOf(error: unknown): VaultAnswer | undefined {
  if (!(error instanceof Error) || !('response' in error)) return undefined;
  const response = recordOf(error.response);
  if (typeof response.statusCode !== 'number') return undefined;
  const body = recordOf(response.body);
  const errors = Array.isArray(body.errors) ? body.errors.map((e) => redact(String(e)).replace(/\s+/g, ' ').trim()) : [];
  return { status: response.statusCode, body, errors };
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

const losses: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name cannot be resolved now',
  ECONNRESET: 'the connection was cut',
  ECONNABORTED: 'no answer in time',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'there is no route',
  EPROTO: 'the server does not speak TLS as asked',
};

/** Code and a few words; of TLS the text too, which names certificates and hosts only. */
function lossOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  const known = losses[code];
  if (known !== undefined) return `${code}: ${known}`;
  return error instanceof Error ? `${code}: ${redact(error.message).slice(0, 200)}` : code;
}

function unreachable(settings: VaultSettings, cause: string): never {
  const certificate = /CERT|SIGNATURE|ISSUER|ALTNAME/.test(cause);
  return fail('vault-unreachable', {
    target: settings.address,
    summary: 'Vault does not answer',
    cause,
    nextAction: certificate ? 'Name the CA of its server certificate with VAULT_CACERT, and check the host name in VAULT_ADDR' : 'Check VAULT_ADDR with "vault status"',
    retryable: !certificate,
  });
}
