/** How a probe opens its connection: fresh, without resumption, trusting exactly what it is told to trust. */

import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Address, ClientCredential } from '../../ports/tls-probe.js';

/** `caPem`: verify against these alone; undefined: verify nothing. */
export function connectionTo(at: Address, options: { caPem?: string; serverName?: string; credential?: ClientCredential }): ConnectionOptions {
  const serverName = options.serverName ?? (isIP(at.host) === 0 ? at.host : undefined);
  return {
    host: at.host,
    port: at.port,
    minVersion: 'TLSv1.2',
    // As Go does: any certificate in the bundle is an anchor, self-signed or not.
    allowPartialTrustChain: true,
    rejectUnauthorized: options.caPem !== undefined,
    // An empty list trusts nobody; an empty text, or none, would mean the CAs of this machine. Those would
    // also be appended to the chain that a server is said to present.
    ca: options.caPem === undefined || options.caPem.trim() === '' ? [] : [options.caPem],
    // RFC 6066 forbids addresses in SNI.
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(options.credential === undefined ? {} : { cert: options.credential.certificatePem, key: options.credential.key.reveal() }),
  };
}

export function named(at: Address): string {
  return isIP(at.host) === 6 ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`;
}
