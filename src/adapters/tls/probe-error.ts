/** A probe without an answer, as a failure that keeps the code of Node or OpenSSL: it is the evidence. */

import { failure, RotationError } from '../../domain/errors.js';
import type { Address } from '../../ports/tls-probe.js';
import { named } from './address.js';

/** The code of an error, or its name. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : 'UNKNOWN';
}

/** `ETIMEDOUT` for a deadline that passed. */
export class TimedOut extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(deadlineMs: number) {
    super(`no answer within ${deadlineMs} ms`);
    this.name = 'TimedOut';
  }
}

export function unanswered(at: Address, what: string, error: unknown): RotationError {
  if (error instanceof RotationError) return error;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message.split('\n')[0] : '';
  return new RotationError(
    failure('api-unreachable', {
      target: named(at),
      summary: `${what} had no answer`,
      cause: message === undefined || message === '' || message === code ? code : `${code}: ${message}`,
      nextAction: `Look at it with "openssl s_client -connect ${named(at)}"`,
      retryable: true,
    }),
  );
}

export function stopped(at: Address, what: string): RotationError {
  return new RotationError(
    failure('interrupted', {
      target: named(at),
      summary: `${what} was given up because a stop was asked for`,
      cause: 'the phase has ended, or the operator stops the run',
      nextAction: 'Go on with "rotate-ca resume"',
    }),
  );
}
