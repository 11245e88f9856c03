/** A request to one API server with a credential: deadline, the one permitted retry, and errors as failures. */

import { fail, RotationError } from '../../domain/errors.js';
import type { CallOptions } from '../../ports/kube.js';
import { type Asked, deadlineExceeded, interrupted, unreachable } from './api-errors.js';
import type { Applied, Credential } from './credential.js';
import { type Answer, exchange, NoAnswer } from './exchange.js';
import { type Limit, openLimit } from './limit.js';
import { redact } from './redact.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a connection speaks with at the moment; it is asked anew for each request, because trust and credential change in the course of a run. */
export interface Speaker {
  readonly credential: Credential;
  readonly inWords: string;
  readonly kubectl: string;
  readonly secrets: readonly string[];
}

export interface Message {
  readonly method: Method;
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  /** Of a PATCH: the body is a JSON patch (RFC 6902). Default: a merge patch. */
  readonly isJsonPatch?: boolean;
  /** May be sent again where nobody knows whether it was done. Default: a GET may. */
  readonly isRepeatable?: boolean;
}

const defaultDeadlineMs = 10_000;
const retriesOnIdle = 2;

export class Connection {
  readonly server: string;
  readonly #speaker: () => Speaker;

  constructor(server: string, speaker: () => Speaker) {
    this.server = server.replace(/\/+$/, '');
    this.#speaker = speaker;
  }

  /** The same speaker on another URL. */
  at(server: string): Connection {
    return new Connection(server, this.#speaker);
  }

  /** Any status is an answer. Throws api-unreachable, deadline-exceeded, interrupted, and kubeconfig-invalid if an exec plugin gives nothing. */
  async send(message: Message, options: CallOptions = {}): Promise<Answer & { readonly asked: Asked }> {
    const speaker = this.#speaker();
    const asked: Asked = {
      server: this.server,
      what: `${message.method} ${message.path.split('?')[0] ?? ''}`,
      credential: speaker.inWords,
      kubectl: speaker.kubectl,
      secrets: speaker.secrets,
    };
    const deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
    const limit = openLimit(deadlineMs, options.signal);
    try {
      const applied = await this.#apply(speaker, asked, limit);
      const known = { ...asked, secrets: [...asked.secrets, ...tokensIn(applied)] };
      const answer = await this.#exchange(message, applied, limit);
      if (answer.status !== 401 || !applied.fromMemory) return { ...answer, asked: known };
      // The plugin's credential was remembered and has expired. Nothing has happened on the server, so any verb may be sent again.
      const anew = await this.#apply(speaker, asked, limit, { renew: true });
      return { ...(await this.#exchange(message, anew, limit)), asked: { ...asked, secrets: [...known.secrets, ...tokensIn(anew)] } };
    } catch (error) {
      if (limit.ended() === 'interrupted') throw interrupted(asked);
      if (limit.ended() === 'deadline') throw deadlineExceeded(deadlineMs, asked);
      if (error instanceof NoAnswer) throw unreachable(error, asked);
      throw error;
    } finally {
      limit.close();
    }
  }

  async #apply(speaker: Speaker, asked: Asked, limit: Limit, options?: { renew: boolean }): Promise<Applied & { fromMemory: boolean }> {
    try {
      return await limit.race(speaker.credential.apply(options));
    } catch (error) {
      if (limit.ended() !== undefined || error instanceof RotationError) throw error;
      return fail('kubeconfig-invalid', {
        target: asked.server,
        summary: speaker.credential.isExec ? 'The exec plugin of the kubeconfig gave no credential' : 'The credential of the kubeconfig cannot be used',
        cause: whyNoCredential(error, asked.secrets),
        nextAction: `Check it with "${asked.kubectl} auth whoami"`,
      });
    }
  }

  async #exchange(message: Message, applied: Applied, limit: Limit): Promise<Answer> {
    const body = message.body === undefined ? undefined : JSON.stringify(message.body);
    const request = {
      method: message.method,
      url: new URL(this.server + message.path),
      agent: applied.agent,
      headers: {
        accept: 'application/json',
        'user-agent': 'rotate-ca',
        ...applied.headers,
        ...(body === undefined ? {} : { 'content-type': contentTypeOf(message) }),
      },
      ...(applied.auth === undefined ? {} : { auth: applied.auth }),
      ...(body === undefined ? {} : { body }),
    };
    for (let retries = 0; ; retries += 1) {
      try {
        return await exchange(request, limit);
      } catch (error) {
        // An idle connection that the peer closed says nothing of the API; a write might have been done, so only what does no harm twice is sent again.
        const again = (message.isRepeatable ?? message.method === 'GET') && error instanceof NoAnswer && error.onIdleConnection && limit.ended() === undefined;
        if (!again || retries >= retriesOnIdle) throw error;
      }
    }
  }
}

function contentTypeOf({ method, isJsonPatch }: Message): string {
  if (method !== 'PATCH') return 'application/json';
  return isJsonPatch === true ? 'application/json-patch+json' : 'application/merge-patch+json';
}

function tokensIn(applied: Applied): string[] {
  const authorization = applied.headers.Authorization ?? '';
  return [authorization.replace(/^\w+ /, ''), applied.auth ?? ''].filter((secret) => secret !== '');
}

/** Neither the plugin's standard output, which JSON.parse quotes, nor client-node's own words, which may quote the user. */
function whyNoCredential(error: unknown, secrets: readonly string[]): string {
  if (error instanceof SyntaxError || error instanceof TypeError) return 'what it printed is not an ExecCredential';
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== undefined) return code;
  return message === '' ? 'it ended with an error and without a word' : redact(message, secrets, { maxLength: 200 });
}
