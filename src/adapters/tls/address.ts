/** How a probe opens its connection: fresh, without resumption, trusting exactly what it is told to trust. */

import { isIP } from 'node:net';
import { type ConnectionOptions, createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { Address, ClientCredential } from '../../ports/tls-probe.js';

/** `caPem`: verify against these alone; undefined: verify nothing. */
export function connectionTo(at: Address, options: { caPem?: string; serverName?: string; credential?: ClientCredential }): ConnectionOptions {
  const serverName = options.serverName ?? (isIP(at.host) === 0 ? at.host : undefined);
  return {
    host: at.host,
    port: at.port,
    rejectUnauthorized: options.caPem !== undefined,
    secureContext: contextOf(options.caPem ?? '', options.credential),
    // RFC 6066 forbids addresses in SNI.
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

/** Of the bundles asked with last, without a credential: to read one costs as much as a handshake. A context holds no session. */
const known = new Map<string, SecureContext>();
const mostKnown = 4;

function contextOf(caPem: string, credential: ClientCredential | undefined): SecureContext {
  if (credential !== undefined) return createSecureContext({ ...trusting(caPem), cert: credential.certificatePem, key: credential.key.reveal() });
  const context = known.get(caPem) ?? createSecureContext(trusting(caPem));
  known.delete(caPem);
  known.set(caPem, context);
  for (const oldest of known.keys()) if (known.size > mostKnown) known.delete(oldest);
  return context;
}

function trusting(caPem: string): SecureContextOptions {
  return {
    minVersion: 'TLSv1.2',
    // As Go does: any certificate in the bundle is an anchor, self-signed or not.
    allowPartialTrustChain: true,
    // An empty list trusts nobody; an empty text, or none, would mean the CAs of this machine. Those would
    // also be appended to the chain that a server is said to present.
    ca: caPem.trim() === '' ? [] : [caPem],
  };
}

export function named(at: Address): string {
  return isIP(at.host) === 6 ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`;
}
