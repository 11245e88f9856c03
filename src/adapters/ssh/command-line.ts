/** Wraps a script into the one command line that sshd gives to the login shell: root, C locale, bounded time. */

import { quote } from './shell-quote.js';

// One argument may have 128 KiB (MAX_ARG_STRLEN), and sshd hands the whole line to the login shell as one.
const lineLimitBytes = 120_000;

// sudo's secure_path on RHEL lacks /usr/local/bin, and Flatcar has its programs in /opt/bin.
const searchPath = 'PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin:/usr/local/bin:/opt/bin"; export PATH; ';

/**
 * Everybody but root goes through `sudo -n`. `timeout` ends the script on the node soon after the deadline,
 * also when the connection is gone or sshd may not signal what sudo started. A script that is too long is a defect of the caller.
 */
export function commandLine(script: string, options: { readonly user: string; readonly leftMs: number }): string {
  const seconds = Math.ceil(options.leftMs / 1000) + 1;
  const inner = `env LC_ALL=C timeout -k 5 ${seconds} sh -c ${quote(searchPath + script)}`;
  // exec: the signal that sshd sends to the login shell then reaches the script.
  const line = options.user === 'root' ? `exec ${inner}` : `exec env LC_ALL=C sudo -n -- ${inner}`;
  if (Buffer.byteLength(line) > lineLimitBytes) {
    throw new Error(`a script of ${Buffer.byteLength(line)} bytes does not fit into a command line (${lineLimitBytes}); give data on standard input`);
  }
  return line;
}

/** What sudo says when it does not run the command; undefined if it did. The marker line of sudo stands alone: nothing of the script has run then. */
export function sudoRefusal(outcome: { readonly exitCode: number; readonly stdout: Uint8Array; readonly stderr: Uint8Array }): string | undefined {
  if ((outcome.exitCode !== 1 && outcome.exitCode !== 127) || outcome.stdout.length > 0 || outcome.stderr.length > 4096) {
    return undefined;
  }
  const text = Buffer.from(outcome.stderr).toString('utf8').trim();
  const isSudo = /^sudo: |^Sorry, user |is not in the sudoers file|^env: .?sudo.?: No such file/m.test(text);
  return isSudo ? text.split('\n').find((l) => /sudo|Sorry/.test(l)) : undefined;
}
