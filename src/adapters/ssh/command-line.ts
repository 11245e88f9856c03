/** Wraps a script into the one command line that sshd gives to the login shell: root, C locale, bounded time. */

import { quote } from './shell-quote.js';

// One argument may have 128 KiB (MAX_ARG_STRLEN), and sshd hands the whole line to the login shell as one.
const lineLimitBytes = 120_000;

// sudo's secure_path on RHEL lacks /usr/local/bin, and Flatcar has its programs in /opt/bin.
// The locale is set here too: a program that does it (env) costs a node more than the rest of a small script.
const surroundings = 'LC_ALL=C PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin:/usr/local/bin:/opt/bin"; export LC_ALL PATH; ';

/**
 * Below the priority of what the node runs: our looks never compete with etcd. The tag becomes $0 of the script, by which it can be found on the node. Everybody but root goes through `sudo -n`. `timeout` ends the script on the node soon after the deadline,
 * also when the connection is gone or sshd may not signal what sudo started. A script that is too long is a defect of the caller.
 */
export function commandLine(script: string, options: { readonly user: string; readonly leftMs: number; readonly tag: string }): string {
  const seconds = Math.ceil(options.leftMs / 1000) + 1;
  const line = asRoot(`nice -n 10 timeout -k 5 ${seconds} sh -c ${quote(surroundings + script)} ${quote(options.tag)}`, options.user);
  if (Buffer.byteLength(line) > lineLimitBytes) {
    throw new Error(`a script of ${Buffer.byteLength(line)} bytes does not fit into a command line (${lineLimitBytes}); give data on standard input`);
  }
  return line;
}

/**
 * Ends the script that was started with a tag, by TERM to its `timeout`, which passes it on to all that the script started.
 * A signal request over SSH would not do: sshd (session.c) grants none to root's sessions, and a user's may not reach what sudo started.
 */
export function killLine(tag: string, user: string): string {
  // The brackets keep this line from finding itself.
  const pattern = `[${tag.slice(0, 1)}]${tag.slice(1)}`;
  return asRoot(
    `timeout 5 sh -c ${quote(`for f in $(grep -la -- '${pattern}' /proc/[0-9]*/cmdline 2>/dev/null); do p=\${f%/cmdline}; kill -TERM "\${p#/proc/}" 2>/dev/null; done`)}`,
    user,
  );
}

// exec spares a login shell that would wait, one process for each script.
function asRoot(command: string, user: string): string {
  // What sudo says is read, so it is asked for in English.
  return user === 'root' ? `exec ${command}` : `exec env LC_ALL=C sudo -n -- ${command}`;
}

/** What sudo says when it does not run the command; undefined if it did. Nothing of the script has run then, so its words stand alone. */
export function sudoRefusal(outcome: { readonly exitCode: number; readonly stdout: Uint8Array; readonly stderr: Uint8Array }): string | undefined {
  if ((outcome.exitCode !== 1 && outcome.exitCode !== 127) || outcome.stdout.length > 0 || outcome.stderr.length > 4096) {
    return undefined;
  }
  const text = Buffer.from(outcome.stderr).toString('utf8').trim();
  const isSudo = /^sudo: |^Sorry, user |is not in the sudoers file|^env: .?sudo.?: No such file/m.test(text);
  return isSudo ? text.split('\n').find((l) => /sudo|Sorry/.test(l)) : undefined;
}
