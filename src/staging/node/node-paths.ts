/** The node's absolute paths led into its folder on this machine, and the folder's name taken out of what comes back. */

import type { FileFault } from '../faults.js';

const top = '(?:etc|var|proc|sys|tmp|root|home|opt|run|srv|mnt|media|boot|usr|bin|sbin|lib|lib64)';

// Not behind what a path may end with: "$d/root$f" and https://host/var are no paths of their own, nor is "$d"/etc.
const nodePath = new RegExp(String.raw`(?<![\w}\])/.~*\\-]|["']\$\{?\w+\}?["'])\/(?=${top}(?![\w.-]))`, 'g');

// A lone slash means the node's root only where a command takes a folder: elsewhere it may divide, or end a regular expression.
const wholeRoot = /\b(cd|ls(?: -\w+)*|find|du(?: -\w+)*|df(?: -\w+)*|stat|-C) +\/(?=$|[\s;&|"'`)])/gm;

// The kill of a shell would reach processes of this machine; the program of that name is ours.
const builtInKill = /(^|[;&|({`'"\n]|\b(?:then|do|else)\s)(\s*)kill(?=\s)/g;

/*
 * Paths that a script finds in what it reads, a command line or a kubeconfig, are led where it picks them: what it writes so, it takes for paths of the node.
 * With grep a line each, with awk one that is relative to the folder of its file otherwise.
 */
const picked: readonly (readonly [written: RegExp, led: string])[] = [
  // Within a line that is quoted itself, too.
  [/grep (?:'\\''|')\^\/\[\^\/\](?:'\\''|')/g, '$& | sed "s|^|$$STAGING_ROOT|"'],
  [/\(v ~ \/\^\\\/\/\) \? v :/g, '(v ~ /^\\//) ? ENVIRON["STAGING_ROOT"] v :'],
];

/** A script or a command line as it can run here. */
export function leadScript(text: string, root: string): string {
  const led = picked.reduce((script, [written, better]) => script.replaceAll(written, better), text);
  return led.replaceAll(nodePath, `${root}/`).replaceAll(wholeRoot, `$1 ${root}`).replaceAll(builtInKill, '$1$2env kill');
}

/** What a shell does itself, in a script that is led already, made to meet a broken file system: no program before its own would be asked. */
export function breakBuiltIns(text: string, fault: FileFault | undefined): string {
  // access(2) says EROFS for W_OK whatever the mode; below /dev/null nothing can be written either.
  if (fault === 'read-only') return text.replaceAll(/\[ -w (\S+) \]/g, '[ -w /dev/null/read-only ]');
  // A redirection asks no program either.
  if (fault === 'keys-barred') return text.replaceAll(/exec (\d)<("[^"\n]+"|[^\s;&"]+)/g, 'case $2 in *.key) false ;; *) exec $1<$2 ;; esac');
  return fault === 'disk-full' ? text.replaceAll(builtInPrint, '$1$2env $3') : text;
}

const builtInPrint = /(^|[;&|({`\n]|\b(?:then|do|else)\s)(\s*)(echo|printf)(?=\s)/g;

/** Standard input that is a list of the node's paths, one a line, and nothing else: it is led into the folder, file content never is. */
export function isPathList(text: string): boolean {
  return pathList.test(text);
}

const pathList = /^(?:\/[^\n\0]*\n)+$/;

export function leadPathList(text: string, root: string): string {
  return text.replaceAll(/^\//gm, `${root}/`);
}

/**
 * Takes the folder out of output that comes in pieces. The folder's name has a length that three divides, so that
 * it is found in base64 of a path, too (`printf %s "$path" | base64`): it stands there in whole groups of four.
 */
export function pathStripper(root: string): { take(chunk: Buffer): Buffer; end(): Buffer } {
  const needles = [Buffer.from(`${root}/`), Buffer.from(root), Buffer.from(Buffer.from(root).toString('base64'))];
  const substitutes = [Buffer.from('/'), Buffer.from('/'), Buffer.alloc(0)];
  const longest = Math.max(...needles.map((needle) => needle.length));
  let held = Buffer.alloc(0);

  function strip(bytes: Buffer): Buffer {
    let result = bytes;
    for (const [index, needle] of needles.entries()) result = replaceAll(result, needle, substitutes[index] ?? Buffer.alloc(0));
    return result;
  }

  return {
    take(chunk) {
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const keep = openEnd(bytes, needles, longest);
      held = Buffer.from(bytes.subarray(bytes.length - keep));
      return strip(bytes.subarray(0, bytes.length - keep));
    },
    end() {
      const rest = strip(held);
      held = Buffer.alloc(0);
      return rest;
    },
  };
}

/** How many bytes at the end may be the beginning of a needle. */
function openEnd(bytes: Buffer, needles: readonly Buffer[], longest: number): number {
  for (let keep = Math.min(longest, bytes.length); keep > 0; keep--) {
    const tail = bytes.subarray(bytes.length - keep);
    if (needles.some((needle) => keep < needle.length && needle.subarray(0, keep).equals(tail))) return keep;
  }
  return 0;
}

function replaceAll(bytes: Buffer, needle: Buffer, substitute: Buffer): Buffer {
  let at = bytes.indexOf(needle);
  if (at < 0) return bytes;
  const parts: Buffer[] = [];
  let from = 0;
  for (; at >= 0; at = bytes.indexOf(needle, from)) {
    parts.push(bytes.subarray(from, at), substitute);
    from = at + needle.length;
  }
  parts.push(bytes.subarray(from));
  return Buffer.concat(parts);
}

/** Text of ours that may hold paths below the folder: arguments that a program was given, for example. */
export function stripText(text: string, root: string): string {
  return text.replaceAll(`${root}/`, '/').replaceAll(root, '/');
}
