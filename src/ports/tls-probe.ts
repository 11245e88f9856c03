/** Questions to TLS servers, each over a fresh connection without session resumption. */

import type { Secret } from '../domain/secret.js';

export interface ClientCredential {
  readonly certificatePem: string;
  readonly key: Secret;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ServerAnswer {
  /** HTTP status. */
  readonly status: number;
  readonly body: string;
}

export interface TlsProbe {
  /** The chain that a server presents, PEM, leaf first, unverified. Throws RotationError api-unreachable. */
  presentedBy(at: Address, options: { deadlineMs: number; serverName?: string; signal?: AbortSignal }): Promise<string[]>;
  /** A handshake verified against only these CAs. `error`: OpenSSL's code (UNABLE_TO_VERIFY_LEAF_SIGNATURE, CERT_HAS_EXPIRED, ...) or ECONNREFUSED and the like. */
  verifies(at: Address, options: { caPem: string; deadlineMs: number; serverName?: string; signal?: AbortSignal }): Promise<{ ok: true } | { ok: false; error: string }>;
  /** One HTTP request with a client certificate (or none); the server is verified against caPem, or not at all if caPem is undefined (kubelets: self-signed). Throws RotationError api-unreachable if there is no HTTP answer. */
  request(
    at: Address,
    request: {
      method: 'GET' | 'POST';
      path: string;
      body?: string;
      credential?: ClientCredential;
      bearer?: Secret;
      caPem?: string;
      serverName?: string;
      deadlineMs: number;
      signal?: AbortSignal;
    },
  ): Promise<ServerAnswer>;
}
