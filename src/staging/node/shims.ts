/** Programs of a node that are written in sh: sudo, id, and those that hand their call to the process that staging runs in. */

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { refusing } from './refusing-shims.js';

/** Answered by this process. The call goes through file and descriptor 8, the answer wakes the shim through a FIFO: no program is started but sh, mkfifo and cat. */
const call = `#!/bin/sh
c=$STAGING_CALLS/$$ b=$STAGING_ROOT/usr/bin
export -p > "$c.env"
printf '%s\\0' "\${0##*/}" "$PWD" "$@" > "$c.call"
for a; do case $a in -|*=-|/dev/stdin) [ -n "$STAGING_TERMINAL" ] || "$b/cat" > "$c.in"; break ;; esac; done
"$b/mkfifo" "$c.fifo" || exit 126
exec 7<>"$c.fifo"
echo $$ >&8 || exit 126
read -r code <&7
[ ! -s "$c.err" ] || "$b/cat" "$c.err" >&2
[ -s "$c.out" ] || exit "$code"
[ "$code" != 0 ] || exec "$b/cat" "$c.out"
"$b/cat" "$c.out"; exit "$code"
`;

/** As sudo 1.9 for what is used of it; who may not gets its words. What it starts is root to the programs here, and leaves the bars of a plain user behind. */
const sudo = `#!/bin/sh
quiet= login= list= as=root
while [ $# -gt 0 ]; do
  case $1 in
    -n|--non-interactive) quiet=1; shift ;;
    -u|--user) as=$2; shift 2 ;;
    -E|-H|-k|-S|-P|-A|-b) shift ;;
    -i|-s) login=1; shift ;;
    -l|-v|-V) list=$1; shift ;;
    --) shift; break ;;
    *=*) export "$1"; shift ;;
    -*) echo "sudo: invalid option -- '\${1#-}'" >&2; exit 1 ;;
    *) break ;;
  esac
done
if [ -n "$STAGING_NO_SUDO" ] && [ "$STAGING_USER" != root ]; then
  [ -n "$quiet" ] || echo 'sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper' >&2
  echo 'sudo: a password is required' >&2; exit 1
fi
if [ -n "$list" ]; then echo "User $STAGING_USER may run the following commands on $STAGING_NODE:"; echo '    (ALL) NOPASSWD: ALL'; exit 0; fi
[ $# -gt 0 ] || [ -n "$login" ] || { echo 'usage: sudo [-n] [-u user] command' >&2; exit 1; }
SUDO_USER=$STAGING_USER STAGING_USER=$as USER=$as LOGNAME=$as PATH=$STAGING_SUDO_PATH
case $as in root) HOME=$STAGING_ROOT/root ;; *) HOME=$STAGING_ROOT/home/$as ;; esac
export SUDO_USER STAGING_USER USER LOGNAME PATH HOME
if [ -n "$login" ]; then [ $# -gt 0 ] && exec sh -c "$*"; cd "$HOME" && exec sh\${STAGING_TERMINAL:+ -i +m}; fi
command -v "$1" >/dev/null || { echo "sudo: $1: command not found" >&2; exit 1; }
exec "$@"
`;

const su = `#!/bin/sh
[ "$STAGING_USER" = root ] || { echo 'su: Authentication failure' >&2; exit 1; }
exec sh\${STAGING_TERMINAL:+ -i +m}
`;

const id = `#!/bin/sh
case $STAGING_USER in root) n=0 ;; *) n=1000 ;; esac
case $*: in
  -u:|-g:|-G:) echo $n ;;
  -un:|-gn:|-nu:|-ng:|-u\\ -n:) echo "$STAGING_USER" ;;
  *) echo "uid=$n($STAGING_USER) gid=$n($STAGING_USER) groups=$n($STAGING_USER)" ;;
esac
`;

const whoami = `#!/bin/sh
echo "$STAGING_USER"
`;

const hostname = `#!/bin/sh
echo "$STAGING_NODE"
`;

/** Names in an archive, and targets of symlinks in it, are those of the node; owners, too, if they are recorded only. */
const tar = (real: string): string => `#!/bin/sh
r=\${STAGING_ROOT#/}
case $1 in --create|-*c*|c*) set -- "$@" --show-transformed-names --transform="flags=rh;s|^$r/||" --transform="flags=s;s|^/$r/|/|" \${STAGING_RECORD_OWNERS:+--owner=root:0 --group=root:0} ;;
  --extract|-*x*|x*) set -- "$@" --transform="flags=s;s|^/|/$r/|" ;; *) case " $* " in *" -c"*|*" --create "*) set -- "$@" --transform="flags=rh;s|^$r/||" --transform="flags=s;s|^/$r/|/|" \${STAGING_RECORD_OWNERS:+--owner=root:0 --group=root:0} ;; esac ;; esac
exec ${real} "$@"
`;

/** Only before the others when the node's clock is wrong. */
const date = `#!/bin/sh
for a; do case $a in -d*|--date*|-r*|--reference*|-s*) exec "$STAGING_ROOT/usr/bin/date" "$@" ;; esac; done
n=$("$STAGING_ROOT/usr/bin/date" +%s%N); n=$((n + STAGING_SKEW_MS * 1000000))
f=00000000$((n % 1000000000)); while [ \${#f} -gt 9 ]; do f=\${f#?}; done
exec "$STAGING_ROOT/usr/bin/date" -d "@$((n / 1000000000)).$f" "$@"
`;

/** Owners as the node has them when whoever runs staging cannot give files away, and times of files by the node's own clock. */
const stat = `#!/bin/sh
s=$STAGING_ROOT/usr/bin/stat link= format= want=
for a; do
  case $want in 1) format=$a want=; continue ;; esac
  case $a in
    --format=*) format=\${a#--format=} ;;
    -c|-Lc) want=1; case $a in *L*) link=-L ;; esac ;;
    -L) link=-L ;;
  esac
done
case \${STAGING_RECORD_OWNERS:+o}$format in o*%[ugUG]*) ;; *) case \${STAGING_SKEW_MS:+s}$format in s*%[YZ]*|s*%.3[YZ]*) ;; *) exec "$s" "$@" ;; esac ;; esac
rc=0 want=
for a; do
  case $want in 1) want=; continue ;; esac
  case $a in -c|-Lc) want=1; continue ;; --|-*) continue ;; esac
  f=$format u=0 g=0
  if [ -e "$STAGING_OWNERS/some" ]; then
    k=$("$s" $link -c '%i-%.9W' -- "$a" 2>/dev/null); [ ! -e "$STAGING_OWNERS/$k" ] || read -r u g < "$STAGING_OWNERS/$k"
  fi
  if [ -n "$STAGING_RECORD_OWNERS" ]; then
    for p in u U g G; do
      case $p in u|U) v=$u ;; *) v=$g ;; esac
      case $p$v in U0|G0) v=root ;; esac
      while case $f in *%$p*) true ;; *) false ;; esac; do f=\${f%%%$p*}$v\${f#*%$p}; done
    done
  fi
  if [ -n "$STAGING_SKEW_MS" ]; then
    for p in Y Z; do
      case $f in *%$p*|*%.3$p*) ;; *) continue ;; esac
      v=$("$s" $link -c "%.3$p" -- "$a" 2>/dev/null) || v=0.000
      m=\${v#*.}; while case $m in 0?*) true ;; *) false ;; esac; do m=\${m#0}; done
      n=$((\${v%.*} * 1000 + m + STAGING_SKEW_MS)); m=00$((n % 1000)); while [ \${#m} -gt 3 ]; do m=\${m#?}; done
      while case $f in *%.3$p*) true ;; *) false ;; esac; do f=\${f%%%.3$p*}$((n / 1000)).$m\${f#*%.3$p}; done
      while case $f in *%$p*) true ;; *) false ;; esac; do f=\${f%%%$p*}$((n / 1000))\${f#*%$p}; done
    done
  fi
  "$s" $link -c "$f" -- "$a" || rc=1
done
exit $rc
`;

/** A record by inode instead of a change of owner: it survives a rename, as the owner does. */
const chown = `#!/bin/sh
s=$STAGING_ROOT/usr/bin/stat spec= like= rc=0 deep=
name=\${0##*/}
owner_of() { u=0 g=0; k=$("$s" -L -c '%i-%.9W' -- "$1" 2>/dev/null) || return 1; [ ! -e "$STAGING_OWNERS/$k" ] || read -r u g < "$STAGING_OWNERS/$k"; }
number() { case $1 in ''|*[!0-9]*) n=$(awk -F: -v n="$1" '$1==n{print $3}' "$STAGING_ROOT/etc/passwd"); [ -n "$n" ] || { echo "$name: invalid user: '$1'" >&2; exit 1; } ;; *) n=$1 ;; esac; }
give() {
  [ -e "$1" ] || [ -L "$1" ] || { echo "$name: cannot access '$1': No such file or directory" >&2; rc=1; return; }
  owner_of "$1" || return 0
  [ -z "$wu" ] || u=$wu
  [ -z "$wg" ] || g=$wg
  if [ "$u $g" = '0 0' ]; then [ ! -e "$STAGING_OWNERS/$k" ] || "$STAGING_ROOT/usr/bin/rm" -f "$STAGING_OWNERS/$k"
  else : > "$STAGING_OWNERS/some"; echo "$u $g" > "$STAGING_OWNERS/$k"; fi
}
for a; do
  case $a in
    --reference=*) like=\${a#--reference=}; owner_of "$like" || { echo "$name: failed to get attributes of '$like': No such file or directory" >&2; exit 1; }; wu=$u wg=$g; continue ;;
    -R|--recursive) deep=1; continue ;;
    -*) continue ;;
  esac
  if [ -z "$like$spec" ]; then
    spec=$a
    if [ "$name" = chgrp ]; then number "$a"; wg=$n; continue; fi
    case $a in *:*) [ -z "\${a%%:*}" ] || { number "\${a%%:*}"; wu=$n; }; [ -z "\${a#*:}" ] || { number "\${a#*:}"; wg=$n; } ;; *) number "$a"; wu=$n ;; esac
    continue
  fi
  if [ -n "$deep" ]; then for f in $("$STAGING_ROOT/usr/bin/find" "$a"); do give "$f"; done; else give "$a"; fi
done
exit $rc
`;

export interface Shims {
  /** The program that hands its call to this process under the name by which it is called. */
  readonly call: string;
  readonly own: ReadonlyMap<string, string>;
  /** Folders that stand before the node's /usr/bin while they are wanted. */
  readonly folders: {
    readonly owners: string;
    readonly skewed: string;
    readonly 'disk-full': string;
    readonly 'read-only': string;
    readonly 'keys-barred': string;
    readonly user: string;
  };
}

/** Programs that this process answers on every node. */
export const answered = ['systemctl', 'journalctl', 'kill', 'pidof', 'pgrep', 'ps', 'ss'] as const;

/** Writes them below `folder`. `tarPath`: tar of this machine, if there is one. */
export function writeShims(folder: string, tarPath: string | undefined): Shims {
  mkdirSync(folder, { recursive: true });
  const put = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o755 });
    return path;
  };
  const callPath = put('call', call);
  const own = new Map<string, string>([...Object.entries({ sudo, su, id, whoami, hostname })].map(([name, text]) => [name, put(name, text)]));
  if (tarPath !== undefined) own.set('tar', put('tar', tar(tarPath)));
  for (const name of answered) own.set(name, callPath);
  const paths = { date: put('date', date), stat: put('stat', stat), chown: put('chown', chown), refusing: put('refusing', refusing.text) };
  const linked = (name: string, links: Readonly<Record<string, string>>): string => {
    const at = join(folder, name);
    mkdirSync(at);
    for (const [link, leadsTo] of Object.entries(links)) symlinkSync(leadsTo, join(at, link));
    return at;
  };
  const all = (names: readonly string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, paths.refusing]));
  return {
    call: callPath,
    own,
    folders: {
      owners: linked('owners', { stat: paths.stat, chown: paths.chown, chgrp: paths.chown }),
      skewed: linked('skewed', { date: paths.date, stat: paths.stat }),
      'disk-full': linked('disk-full', all(refusing.names['disk-full'])),
      'read-only': linked('read-only', all(refusing.names['read-only'])),
      'keys-barred': linked('keys-barred', all(refusing.names['keys-barred'])),
      user: linked('user', all(refusing.names.user)),
    },
  };
}
