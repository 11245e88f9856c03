/** The POSIX shell scripts that read and replace files on nodes; coreutils only. */

import { quote } from './shell-quote.js';

/** Exit codes of the scripts below, apart from what the programs in them return. */
export const scriptExit = { refused: 101, diskFull: 102, incomplete: 103, differs: 104 } as const;

/**
 * Reads paths from standard input, one a line. For each that exists: `file INDEX MODE UID GID MTIME`, `label ...`, `link ...`, base64 in one line.
 * The file is opened once and everything is asked of what was opened, so that attributes and bytes belong together although it is being replaced.
 */
export const readFilesScript = `
set -u
index=-1
while IFS= read -r path; do
  index=$((index + 1))
  link=
  if [ -L "$path" ]; then link=$(readlink -- "$path") || continue; fi
  if [ ! -e "$path" ]; then
    if [ -n "$link" ]; then
      printf 'file %s %s\\nlabel \\nlink %s\\n\\n' "$index" "$(stat -c '%a %u %g %.3Y' -- "$path")" "$link"
      continue
    fi
    why=$(stat -- "$path" 2>&1 >/dev/null) || case $why in
      *'No such file or directory'|*'Not a directory') ;;
      *) printf '%s\\n' "$why" >&2; exit ${scriptExit.refused} ;;
    esac
    continue
  fi
  if [ ! -f "$path" ]; then printf '%s is not a regular file\\n' "$path" >&2; exit ${scriptExit.refused}; fi
  { exec 3<"$path"; } 2>/dev/null || { [ -e "$path" ] || continue; printf '%s cannot be opened\\n' "$path" >&2; exit ${scriptExit.refused}; }
  label=
  if [ -e /sys/fs/selinux/enforce ]; then label=$(stat -Lc %C /proc/self/fd/3 2>/dev/null) || label=; fi
  printf 'file %s %s\\nlabel %s\\nlink %s\\n' "$index" "$(stat -Lc '%a %u %g %.3Y' /proc/self/fd/3)" "$label" "$link"
  base64 -w 0 <&3 || exit ${scriptExit.refused}
  echo
  exec 3<&-
done
`;

// What `die` says is shown to the operator: it never holds content of the file.
const preamble = (path: string): string => `
set -u
path=${quote(path)}
dir=\${path%/*}; dir=\${dir:-/}
base=\${path##*/}
temp=
trap '[ -z "$temp" ] || rm -f -- "$temp"' EXIT
trap 'exit 143' HUP INT TERM PIPE
die() {
  code=${scriptExit.refused}
  case $2 in *'No space left on device'*|*'quota exceeded'*) code=${scriptExit.diskFull} ;; esac
  printf '%s: %s\\n' "$1" "$2" >&2
  exit "\${3:-$code}"
}
[ -d "$dir" ] || die "$dir" 'there is no such folder'
if [ -d "$path" ] && [ ! -L "$path" ]; then die "$path" 'is a folder'; fi
# Left behind by a replace that was killed. One that still runs on a lost connection loses its file here, and so can no longer overtake this one.
rm -f -- "$dir"/.rotate-ca."$base".*.tmp
`;

/** Replaces a file by what comes on standard input. Owner, mode and label are set while the temporary file is still empty. */
export function replaceFileScript(
  path: string,
  want: { readonly mode: string; readonly uid: number; readonly gid: number; readonly label?: string; readonly sha256: string },
): string {
  return `${preamble(path)}
umask 077
why=$(mktemp -- "$dir/.rotate-ca.$base.XXXXXXXX.tmp" 2>&1) || die 'temporary file' "$why"
temp=$why
why=$(chown -- ${want.uid}:${want.gid} "$temp" 2>&1) || die owner "$why"
why=$(chmod -- ${quote(want.mode)} "$temp" 2>&1) || die mode "$why"
if [ -e /sys/fs/selinux/enforce ]; then
  ${want.label === undefined ? 'if [ -e "$path" ]; then why=$(chcon --reference="$path" -- "$temp" 2>&1) || die label "$why"; fi' : `why=$(chcon -- ${quote(want.label)} "$temp" 2>&1) || die label "$why"`}
fi
why=$(cat 2>&1 >"$temp") || die content "$why"
sum=$(sha256sum <"$temp") || die content 'cannot be read again'
[ "\${sum%% *}" = ${want.sha256} ] || die content 'did not arrive whole; nothing was replaced' ${scriptExit.incomplete}
why=$(sync -- "$temp" 2>&1) || die sync "$why"
why=$(mv -fT -- "$temp" "$path" 2>&1) || die rename "$why"
temp=
why=$(sync -- "$dir" 2>&1) || die 'sync of the folder' "$why"
sum=$(sha256sum <"$path") || die "$path" 'cannot be read again' ${scriptExit.differs}
[ "\${sum%% *}" = ${want.sha256} ] || die "$path" 'holds something else than was written' ${scriptExit.differs}
have=$(stat -c '%a %u %g' -- "$path")
[ "$have" = '${want.mode.replace(/^0+(?=.)/, '')} ${want.uid} ${want.gid}' ] || die "$path" "mode, owner and group are $have" ${scriptExit.differs}
`;
}

/** Makes a path a symlink in one rename. */
export function replaceLinkScript(path: string, linkTo: string): string {
  return `${preamble(path)}
temp=$dir/.rotate-ca.$base.link$$.tmp
why=$(ln -s -- ${quote(linkTo)} "$temp" 2>&1) || die link "$why"
why=$(mv -fT -- "$temp" "$path" 2>&1) || die rename "$why"
temp=
why=$(sync -- "$dir" 2>&1) || die 'sync of the folder' "$why"
[ "$(readlink -- "$path")" = ${quote(linkTo)} ] || die "$path" 'leads elsewhere' ${scriptExit.differs}
`;
}

/** Removes a file or symlink, and what a killed replace of it left behind. */
export function removeFileScript(path: string): string {
  return `
set -u
path=${quote(path)}
dir=\${path%/*}; dir=\${dir:-/}
[ -d "$dir" ] || exit 0
rm -f -- "$dir"/.rotate-ca."\${path##*/}".*.tmp
rm -f -- "$path" || exit ${scriptExit.refused}
sync -- "$dir"
`;
}
