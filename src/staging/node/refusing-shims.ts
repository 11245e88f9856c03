/** One sh program under many names that refuses in the words of the real ones: on a full disk, a read-only file system, where keys are barred even for root, and to a user who is not root. */

const writers = 'rm rmdir mkdir touch chmod chown chgrp tee truncate ln mv cp install mktemp dd tar openssl sed'.split(' ');
const printers = 'cat awk mawk gawk base64 grep sort head tail cut tr printf echo sha256sum date gzip uniq'.split(' ');
const readers = 'cat head tail less more base64 grep egrep fgrep awk sed cmp diff sha256sum md5sum wc od tac sort ls find cp openssl tar'.split(' ');

/*
 * The folder in which the link lies says why: disk-full, read-only, keys-barred or user. The program itself is the one in the node's /usr/bin.
 * A full disk: what a program prints into a regular file goes to /dev/full, so that it meets the kernel's own ENOSPC. As on ext4,
 * empty files, links and renames still succeed; folders need a block.
 */
const text = `#!/bin/sh
name=\${0##*/} why=\${0%/*}; why=\${why##*/}
real=$STAGING_ROOT/usr/bin/$name
case $name$STAGING_RECORD_OWNERS in chown1|chgrp1) real=\${0%/*/*}/owners/$name ;; esac
case $why in disk-full) words='No space left on device' ;; read-only) words='Read-only file system' ;; *) words='Permission denied' ;; esac

# Which of the arguments it would write to, one a line; nothing outside of the node's tree.
targets() {
  last= skip=
  case $name in mktemp) last=\${TMPDIR}/tmp.XXXXXXXXXX ;; esac
  for a; do
    if [ -n "$skip" ]; then skip=; case $name in openssl|tar) printf '%s\\n' "$a" ;; esac; continue; fi
    case $name in
      openssl) case $a in -out|-keyout) skip=1 ;; esac; continue ;;
      dd) case $a in of=*) printf '%s\\n' "\${a#of=}" ;; esac; continue ;;
      tar) case $a in -*c*f|c*f) skip=1 ;; -*x*|x*) echo "$PWD/." ;; esac; continue ;;
      sed) case $a in -i*) sure=1 ;; esac ;;
    esac
    case $a in -*) continue ;; esac
    last=$a
    case $name in rm|rmdir|mkdir|touch|chmod|chown|chgrp|tee|truncate) printf '%s\\n' "$a" ;; esac
  done
  case $name in ln|cp|install|mktemp) printf '%s\\n' "$last" ;; mv) for a; do case $a in -*) ;; *) printf '%s\\n' "$a" ;; esac; done ;; sed) [ -z "$sure" ] || printf '%s\\n' "$last" ;; esac
}

say() {
  case $name in
    rm) echo "rm: cannot remove '$1': $words" ;;
    rmdir) echo "rmdir: failed to remove '$1': $words" ;;
    mkdir) echo "mkdir: cannot create directory '$1': $words" ;;
    touch) echo "touch: cannot touch '$1': $words" ;;
    chmod) [ $why != user ] || words='Operation not permitted'; echo "chmod: changing permissions of '$1': $words" ;;
    chown|chgrp) [ $why != user ] || words='Operation not permitted'; echo "$name: changing ownership of '$1': $words" ;;
    mktemp) echo "mktemp: failed to create file via template '$1': $words" ;;
    ln) echo "ln: failed to create symbolic link '$1': $words" ;;
    mv) echo "mv: cannot move '$1': $words" ;;
    cp) [ $why = disk-full ] && echo "cp: error writing '$1': $words" || echo "cp: cannot create regular file '$1': $words" ;;
    dd) [ $why = disk-full ] && echo "dd: error writing '$1': $words" || echo "dd: failed to open '$1': $words" ;;
    tar) [ $why = disk-full ] && echo "tar: $1: Wrote only 4096 of 10240 bytes" || echo "tar (child): $1: Cannot open: $words"; echo 'tar: Error is not recoverable: exiting now' ;;
    openssl) echo "Can't open \\"$1\\" for writing, $words" ;;
    sed) echo "sed: couldn't open temporary file \${1%/*}/sedXXXXXX: $words" ;;
    *) echo "$name: $1: $words" ;;
  esac >&2
}

# Is it below the node's tree (and not where everybody may write)?
inside() {
  p=$1; case $p in /*) ;; *) p=$PWD/$p ;; esac
  case $p in "$STAGING_ROOT"/proc/*) return 1 ;; "$STAGING_ROOT"/*) ;; *) return 1 ;; esac
  [ $why != user ] || case $p in "$STAGING_ROOT/tmp/"*|"$HOME"/*) return 1 ;; esac
}

# What a user sees of a file that belongs to root: the bits for others, on it and on the folders above.
readable() {
  inside "$1" || return 0
  [ $why = user ] || { case $p in *.key) return 1 ;; *) return 0 ;; esac; }
  set -- "$p"
  while p=\${p%/*}; [ "$p" != "$STAGING_ROOT" ] && [ -n "$p" ]; do
    set -- "$@" "$p"
    case $("$STAGING_ROOT/usr/bin/stat" -Lc %A -- "$p" 2>/dev/null) in d????????[xt]|'') ;; *) return 1 ;; esac
  done
  case $("$STAGING_ROOT/usr/bin/stat" -Lc %A -- "$1" 2>/dev/null) in ???????r*|'') return 0 ;; *) return 1 ;; esac
}

if [ $why = user ] || [ $why = keys-barred ]; then
  rc=0 n=$# kept=0
  case " ${readers.join(' ')} " in *" $name "*)
    while [ $n -gt 0 ]; do
      a=$1; shift; n=$((n - 1))
      if case $a in -*) true ;; *) readable "$a" ;; esac; then set -- "$@" "$a"; case $a in -*) ;; *) kept=$((kept + 1)) ;; esac
      else
        case $name in
          ls) [ -d "$a" ] && echo "ls: cannot open directory '$a': $words" >&2 || { set -- "$@" "$a"; continue; } ;;
          find) echo "find: '$a': $words" >&2 ;;
          head|tail) echo "$name: cannot open '$a' for reading: $words" >&2 ;;
          cp) echo "cp: cannot open '$a' for reading: $words" >&2 ;;
          openssl) echo "Can't open \\"$a\\" for reading, $words" >&2 ;;
          *) echo "$name: $a: $words" >&2 ;;
        esac
        rc=1
      fi
    done
    [ $rc = 0 ] || { case $name$kept in cat*|head*|tail*|ls*) [ $# -eq 0 ] || "$real" "$@" ;; sha256sum0|grep[01]) ;; sha256sum*|grep*) "$real" "$@" ;; esac; exit $rc; } ;;
  esac
fi

if [ $why = disk-full ]; then
  case $name in rm|rmdir|touch|chmod|chown|chgrp|ln|mv|mktemp|truncate) exec "$real" "$@" ;; esac
fi
refused=
targets "$@" > "$STAGING_CALLS/$$.targets"
while IFS= read -r t; do
  inside "$t" || continue
  [ $why != keys-barred ] || case $t in *.key) ;; *) continue ;; esac
  case $name in rm|rmdir|chmod|chown|chgrp) [ -e "$t" ] || [ -L "$t" ] || continue ;; mkdir) [ ! -d "$t" ] || continue ;; esac
  say "$t"; refused=1
  case $name in mv|tar) break ;; esac
done < "$STAGING_CALLS/$$.targets"
"$STAGING_ROOT/usr/bin/rm" -f "$STAGING_CALLS/$$.targets"
[ -z "$refused" ] || exit 1
if [ $why = disk-full ] && [ -f /dev/stdout ]; then exec "$real" "$@" > /dev/full; fi
exec "$real" "$@"
`;

export const refusing = {
  text,
  names: {
    'disk-full': [...new Set([...writers, ...printers])],
    'read-only': writers,
    'keys-barred': [...new Set([...writers, ...readers])],
    user: [...new Set([...writers, ...readers])],
  },
} as const;
