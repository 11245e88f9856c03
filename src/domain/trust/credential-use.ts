/** A credential in use, as API servers have written it into their audit logs. Plain data. */

export interface CredentialUse {
  readonly user: string;
  /** SHA-256 of the DER of the client certificate, lower-case hex; empty: not a certificate, or the server does not say. */
  readonly fingerprint: string;
  readonly userAgent: string;
  /** As the server saw it: of a proxy or load balancer where one is between. */
  readonly address: string;
  /** Unix time in ms. */
  readonly firstMs: number;
  readonly lastMs: number;
}
