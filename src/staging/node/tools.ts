/** The programs of a node: symlinks to those of this machine that a node has, and nothing else of it. */

import { accessSync, constants, existsSync, lstatSync, mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Shims, writeShims } from './shims.js';

const coreutils =
  '[ arch b2sum base32 base64 basename basenc cat chgrp chmod chown cksum comm cp csplit cut date dd df dir dircolors dirname du echo env expand expr factor false fmt fold groups head install join link ln ls md5sum mkdir mkfifo mknod mktemp mv nice nl nohup nproc numfmt od paste pathchk pr printenv printf ptx pwd readlink realpath rm rmdir seq sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf stty sum sync tac tail tee test timeout touch tr true truncate tsort tty uname unexpand uniq unlink vdir wc yes';
const beside =
  'sh bash dash awk mawk gawk sed grep egrep fgrep find xargs tar gzip gunzip zcat xz diff cmp less more vi vim nano which tput clear file flock getconf lsattr free uptime setsid tree curl';

/** Only of these that this machine has; searched where a distribution puts them, not in the caller's PATH. */
const tools: ReadonlyMap<string, string> = findTools(`${coreutils} ${beside} openssl`.split(' '));

function findTools(names: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of names) {
    const path = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'].map((folder) => join(folder, name)).find(isProgram);
    if (path !== undefined) found.set(name, path);
  }
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What all nodes of a cluster share: their /usr/bin, and the programs of ours. */
export interface Programs {
  readonly bin: { readonly withOpenssl: string; readonly withoutOpenssl: string };
  readonly shims: Shims;
}

const made = new Map<string, Programs>();

/** Made once for each folder: some 140 symlinks, which 200 nodes need not have each. */
export function programsIn(folder: string): Programs {
  const known = made.get(folder);
  if (known !== undefined && existsSync(known.bin.withOpenssl)) return known;
  rmSync(folder, { recursive: true, force: true });
  const shims = writeShims(join(folder, 'shims'), tools.get('tar'));
  const programs = { bin: { withOpenssl: fillBin(join(folder, 'bin'), shims.own, true), withoutOpenssl: fillBin(join(folder, 'bin-without-openssl'), shims.own, false) }, shims };
  made.set(folder, programs);
  return programs;
}

/** `own`: programs of ours by name, which stand in place of those of this machine. */
function fillBin(bin: string, own: ReadonlyMap<string, string>, hasOpenssl: boolean): string {
  mkdirSync(bin, { recursive: true });
  for (const [name, path] of tools) {
    if (own.has(name) || (name === 'openssl' && !hasOpenssl)) continue;
    symlinkSync(isMulticall(path) ? path : realPath(path), join(bin, name));
  }
  for (const [name, path] of own) symlinkSync(path, join(bin, name));
  return bin;
}

/** The node's /usr/bin, /bin and /sbin. What it has for itself alone goes into its /usr/sbin. */
export function installPrograms(root: string, programs: Programs, own: readonly string[], has: { readonly openssl: boolean }): void {
  symlinkSync(has.openssl ? programs.bin.withOpenssl : programs.bin.withoutOpenssl, join(root, 'usr/bin'));
  for (const name of own) symlinkSync(programs.shims.call, join(root, 'usr/sbin', name));
  for (const [name, leadsTo] of [
    ['bin', 'usr/bin'],
    ['sbin', 'usr/sbin'],
  ] as const) {
    if (lstatSync(join(root, name), { throwIfNoEntry: false }) === undefined) symlinkSync(leadsTo, join(root, name));
  }
}

// Of busybox and the like the name that is called decides what runs; of Debian's alternatives only the end of the chain is of interest.
function isMulticall(path: string): boolean {
  return /busybox|coreutils|toybox/.test(basename(realPath(path)));
}

const realPaths = new Map<string, string>();

function realPath(path: string): string {
  const known = realPaths.get(path);
  if (known !== undefined) return known;
  const real = realpathSync(path);
  realPaths.set(path, real);
  return real;
}

/** Why scripts cannot run here as on a node; undefined if they can. GNU coreutils and a /proc are asked for. */
export function whyNoScripts(): string | undefined {
  if (!existsSync('/proc/self/stat')) return 'there is no /proc: staging runs on Linux only';
  const missing = ['env', 'nice', 'timeout', 'stat', 'sha256sum', 'base64', 'mktemp', 'readlink', 'awk', 'sed', 'grep', 'find', 'xargs', 'mkfifo', 'sh'].filter(
    (name) => !tools.has(name),
  );
  return missing.length === 0 ? undefined : `these programs are missing: ${missing.join(', ')}`;
}
