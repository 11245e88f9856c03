/** SSH key pairs in OpenSSH's format: host keys of nodes and the operator's own. */

import ssh2 from 'ssh2';

export interface SshKeyPair {
  /** "-----BEGIN OPENSSH PRIVATE KEY-----", without a passphrase. */
  readonly privateKey: string;
  /** "ssh-ed25519 AAAA... comment" */
  readonly publicKey: string;
}

/** ed25519. The comment stands at the end of the public key, as ssh-keygen -C. */
export function makeSshKeyPair(comment: string): SshKeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
    // Some versions of ssh2 write a key with a leading zero byte so that nobody reads it again.
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return { privateKey: `${pair.private.trimEnd()}\n`, publicKey: pair.public.trim() };
  }
}
