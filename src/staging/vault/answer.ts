/** What Vault answers: its envelope, its refusals, and how both become HTTP (http/logical.go, sdk/logical/response_util.go). */

/** An HTTP answer. `body` is JSON, `raw` are bytes with a type of their own; neither: 204. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly raw?: { readonly contentType: string; readonly text: string | Buffer };
}

/** What a path's handler says: undefined stands for nothing (204, or 404 when something was read). */
export interface Outcome {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly auth?: Readonly<Record<string, unknown>>;
  readonly warnings?: readonly string[];
  readonly lease?: { readonly id: string; readonly seconds: number };
  /** Empty: 204. */
  readonly raw?: NonNullable<Answer['raw']>;
}

/** Vault says no. */
export class Refusal extends Error {
  readonly status: number;
  readonly texts: readonly string[];
  /** An error and not a response: it is wrapped by go-multierror where a token was asked for. */
  readonly isError: boolean;

  constructor(status: number, texts: readonly string[], isError: boolean) {
    super(texts.join('; '));
    this.status = status;
    this.texts = texts;
    this.isError = isError;
  }
}

/** A refusal in a response (logical.ErrorResponse): its text as it is. */
export function refused(text: string, status = 400): Refusal {
  return new Refusal(status, [text], false);
}

/** An error of a handler. */
export function failed(status: number, ...texts: readonly string[]): Refusal {
  return new Refusal(status, texts, true);
}

export const permissionDenied = (): Refusal => failed(403, 'permission denied');
export const unsupportedPath = (): Refusal => failed(404, 'unsupported path');
export const unsupportedOperation = (): Refusal => failed(405, 'unsupported operation');

/** An outcome in Vault's envelope. Answers of the old sys paths repeat their data beside it. */
export function envelope(outcome: Outcome, about: { readonly requestId: string; readonly mountType: string; readonly repeatData: boolean }): Answer {
  if (outcome.raw !== undefined) return { status: outcome.raw.text.length === 0 ? 204 : 200, raw: outcome.raw };
  const data = outcome.data ?? null;
  const body = {
    request_id: about.requestId,
    lease_id: outcome.lease?.id ?? '',
    renewable: false,
    lease_duration: outcome.lease?.seconds ?? 0,
    data,
    wrap_info: null,
    warnings: outcome.warnings === undefined || outcome.warnings.length === 0 ? null : outcome.warnings,
    auth: outcome.auth ?? null,
    mount_type: about.mountType,
  };
  return { status: 200, body: about.repeatData ? { ...data, ...body } : body };
}

/** On a path that needs no token errors come bare (Core.handleLoginRequest), elsewhere as hashicorp/go-multierror prints them. */
export function refusalAnswer({ status, texts, isError }: Refusal, isOpen: boolean): Answer {
  if (!isError || (isOpen && texts.length === 1)) return { status, body: { errors: texts } };
  const head = texts.length === 1 ? '1 error occurred:' : `${texts.length} errors occurred:`;
  return { status, body: { errors: [`${head}\n${texts.map((text) => `\t* ${text}\n`).join('')}\n`] } };
}
