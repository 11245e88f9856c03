/** What the API or the network said, as failures with a code and a next action. No token, no key: texts of others are redacted. */

import { type ErrorCode, failure, type FailureParts, RotationError } from '../../domain/errors.js';
import type { Answer, NoAnswer } from './exchange.js';
import { redact } from './redact.js';

/** The request in question, and by whom. */
export interface Asked {
  readonly server: string;
  /** "GET /api/v1/nodes". */
  readonly what: string;
  /** The credential in words: 'client certificate "CN=admin" issued by "CN=kubernetes"'. */
  readonly credential: string;
  /** "kubectl --kubeconfig F --context C", without secrets. */
  readonly kubectl: string;
  /** Never shown, whoever repeats them. */
  readonly secrets: readonly string[];
}

const untrusted = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);

/** api-unreachable, with the code of Node or OpenSSL as evidence. Says nothing of what the server did with the request. */
export function unreachable(error: NoAnswer, asked: Asked): RotationError {
  const summary = `No answer from the Kubernetes API to ${asked.what}`;
  const detail = redact(error.message, asked.secrets, { maxLength: 200 });
  const cause = detail === '' ? error.code : `${error.code}: ${detail}`;
  return one('api-unreachable', { target: asked.server, summary, cause, nextAction: whenUnreachable(error.code, asked), retryable: true });
}

function whenUnreachable(code: string, asked: Asked): string {
  const { host } = new URL(asked.server);
  if (untrusted.has(code)) return `The CA of the kubeconfig did not issue the server's certificate: compare with "openssl s_client -showcerts -connect ${host}"`;
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return `Look at the dates of the server's certificate with "openssl s_client -connect ${host} | openssl x509 -noout -dates", and at this machine's clock with "date -u"`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `The server's certificate is not for this address: see "openssl s_client -connect ${host} | openssl x509 -noout -ext subjectAltName"`;
  return `See whether it answers with "${asked.kubectl} get --raw /readyz", then run the same command again`;
}

export function deadlineExceeded(deadlineMs: number, asked: Asked): RotationError {
  return one('deadline-exceeded', {
    target: asked.server,
    summary: `The Kubernetes API did not answer ${asked.what} within ${deadlineMs / 1000} s`,
    nextAction: `See whether it answers with "${asked.kubectl} get --raw /readyz", then run the same command again`,
    retryable: true,
  });
}

export function interrupted(asked: Asked): RotationError {
  return one('interrupted', {
    target: asked.server,
    summary: `${asked.what} was given up because a stop was asked for`,
    nextAction: 'Go on with "rotate-ca resume"',
  });
}

/** An answer that is not a success. */
export function refused(answer: Answer, asked: Asked): RotationError {
  const { reason, message } = readStatus(answer, asked);
  const cause = `${answer.status}${reason === '' ? '' : ` ${reason}`}${message === '' ? '' : `: ${message}`}`;
  const target = asked.server;
  if (answer.status === 401) {
    return one('api-forbidden', {
      target,
      summary: `The API server does not accept the credential for ${asked.what}: ${asked.credential}`,
      cause,
      nextAction: `Check it with "${asked.kubectl} auth whoami", and give a kubeconfig that the cluster accepts with --kubeconfig`,
    });
  }
  if (answer.status === 403) {
    return one('api-forbidden', {
      target,
      summary: `${asked.what} is not allowed for ${asked.credential}`,
      cause,
      nextAction: `See what is allowed with "${asked.kubectl} auth can-i --list", and use a credential of cluster-admin`,
    });
  }
  const retryable = answer.status === 409 || answer.status === 429 || answer.status >= 500;
  return one('api-refused', {
    target,
    summary: `The Kubernetes API refused ${asked.what}`,
    cause,
    nextAction: retryable ? 'Run the same command again; it goes on from where it is' : `See the object with "${asked.kubectl} get"`,
    retryable,
  });
}

/** Reason and message of a `Status` body, or the beginning of whatever came instead (a proxy's page). */
function readStatus(answer: Answer, asked: Asked): { reason: string; message: string } {
  try {
    const status = JSON.parse(answer.body) as { reason?: unknown; message?: unknown } | null;
    if (typeof status === 'object' && status !== null) {
      const text = (value: unknown): string => (typeof value === 'string' ? redact(value, asked.secrets) : '');
      return { reason: text(status.reason), message: text(status.message) };
    }
  } catch {
    // Not JSON: shown as it is.
  }
  return { reason: '', message: redact(answer.body, asked.secrets, { maxLength: 200 }) };
}

/** An answer of 200 whose body is not what the API sends: usually something else listens there. */
export function notKubernetes(answer: Answer, asked: Asked): RotationError {
  return one('api-refused', {
    target: asked.server,
    summary: `The answer to ${asked.what} is not one of a Kubernetes API`,
    cause: `${answer.status}: ${redact(answer.body, asked.secrets, { maxLength: 100 })}`,
    nextAction: `Check the server of the kubeconfig with "${asked.kubectl} cluster-info"`,
  });
}

function one(code: ErrorCode, parts: FailureParts): RotationError {
  return new RotationError(failure(code, parts));
}
