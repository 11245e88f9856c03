/** Errors of the API as it words them: apimachinery pkg/api/errors. */

import { qualified, type Resource } from './resource-table.js';
import { StoreRefusal } from './store.js';

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly retryAfterSeconds?: number;
  readonly causes?: readonly { readonly reason?: string; readonly message: string; readonly field?: string }[];
}

/** Answered with the Status body of the same code. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  body(): Record<string, unknown> {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

type Named = Pick<Resource, 'group' | 'plural'>;

function detailsOf(resource: Named, name: string): StatusDetails {
  return { ...(name === '' ? {} : { name }), ...(resource.group === '' ? {} : { group: resource.group }), kind: resource.plural };
}

export function unauthorized(): ApiError {
  return new ApiError(401, 'Unauthorized', 'Unauthorized');
}

export function forbidden(resource: Named | undefined, name: string, why: string): ApiError {
  if (resource === undefined) return new ApiError(403, 'Forbidden', `forbidden: ${why}`, {});
  const what = name === '' ? qualified(resource) : `${qualified(resource)} "${name}"`;
  return new ApiError(403, 'Forbidden', `${what} is forbidden: ${why}`, detailsOf(resource, name));
}

export function notFound(resource: Named, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${qualified(resource)} "${name}" not found`, detailsOf(resource, name));
}

/** No such resource or version. */
export function unknownResource(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

export function methodNotAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

export function internalError(why: string): ApiError {
  return new ApiError(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] });
}

/** One or several fields: `Secret "x" is invalid: field: why`. `kind` as qualifiedKind gives it. */
export function invalid(kind: string, name: string, problems: readonly { readonly field: string; readonly why: string; readonly reason?: string }[]): ApiError {
  const texts = problems.map(({ field, why }) => `${field}: ${why}`);
  const text = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const [short = '', ...group] = kind.split('.');
  return new ApiError(422, 'Invalid', `${kind} "${name}" is invalid: ${text}`, {
    name,
    ...(group.length === 0 ? {} : { group: group.join('.') }),
    kind: short,
    causes: problems.map(({ field, why, reason }) => ({ reason: reason ?? 'FieldValueInvalid', message: why, field })),
  });
}

export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message);
}

/** What the store refused, for the resource in question. */
export function fromRefusal(refusal: StoreRefusal, resource: Named, name: string): ApiError {
  const code = { Conflict: 409, AlreadyExists: 409, NotFound: 404, Invalid: 422 }[refusal.reason];
  return new ApiError(code, refusal.reason, refusal.message, detailsOf(resource, name));
}

/** Any error as one of the API; what is not expected is an internal error. */
export function asApiError(error: unknown, resource?: Named, name = ''): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof StoreRefusal) return fromRefusal(error, resource ?? { group: '', plural: '' }, name);
  return internalError(error instanceof Error ? error.message : String(error));
}
