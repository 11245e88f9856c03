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
const die = `
die() {
  code=${scriptExit.refused}
  case $2 in *'No space left on device'*|*'quota exceeded'*) code=${scriptExit.diskFull} ;; esac
  printf '%s: %s\\n' "$1" "$2" >&2
  exit "\${3:-$code}"
}
trap 'exit 143' HUP INT TERM PIPE
`;

const checkPlace = `
[ -d "$dir" ] || die "$dir" 'there is no such folder'
if [ -d "$path" ] && [ ! -L "$path" ]; then die "$path" 'is a folder'; fi
# Left behind by a replace that was killed. One that still runs on a lost connection loses its file here, and so can no longer overtake this one.
for old in "$dir"/.rotate-ca."$base".*.tmp; do
  if [ -e "$old" ] || [ -L "$old" ]; then rm -f -- "$old"; fi
done
`;

const splitPath = (path: string): string => `path=${quote(path)}
dir=\${path%/*}; dir=\${dir:-/}
base=\${path##*/}`;

export interface WantedFile {
  readonly path: string;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly label?: string;
  readonly sha256: string;
  /** How many bytes of standard input are its content. */
  readonly size: number;
}

// Asked by the shell itself: a new file is root's, unless its folder hands on another group.
const isRoots = (files: string): string =>
  files
    .split(' ')
    .map((file) => `[ -O ${file} ] && [ -G ${file} ]`)
    .join(' && ');

/**
 * Replaces files by what comes on standard input, one behind the other. Owner, mode and label are set while the temporary files are still empty.
 * All content is there, whole and synced, before the first rename; a rename is synced before the next one begins. On a node each program that is
 * started costs more than what it does here, so those that take several files are started once.
 */
export function replaceFilesScript(files: readonly WantedFile[]): string {
  const each = (lines: (file: WantedFile, n: number) => string): string => files.map(lines).join('\n');
  const all = (name: 'path' | 'temp', among = files): string => among.map((file) => `"$${name}${files.indexOf(file)}"`).join(' ');
  const alike = (key: (file: WantedFile) => string): [string, WantedFile[]][] => [...new Set(files.map(key))].map((value) => [value, files.filter((file) => key(file) === value)]);
  const sums = (name: 'path' | 'temp'): string => each((file, n) => `${file.sha256} "$${name}${n}"`).replaceAll('\n', ' ');
  return `
set -u
${each((_, n) => `temp${n}=`)}
isDone=
trap '[ -n "$isDone" ] || for temp in ${all('temp')}; do [ -z "$temp" ] || rm -f -- "$temp"; done' EXIT
${die}
# Whether the lines hold these words, in this order: WORD NAME... What does not is named by $odd.
holds() {
  lines=$1
  shift
  while [ $# -gt 0 ]; do
    # sha256sum begins a line with a backslash where it has to quote the name.
    line=\${lines%%"$newline"*}; lines=\${lines#*"$newline"}; line=\${line#\\\\}; line=\${line%%  *}
    if [ "$line" != "$1" ]; then odd=$2; return 1; fi
    shift 2
  done
}
newline='
'
umask 077
${each(
  ({ path }, n) => `${splitPath(path)}
${checkPlace}
path${n}=$path; dir${n}=$dir
why=$(mktemp -- "$dir/.rotate-ca.$base.XXXXXXXX.tmp" 2>&1) || die 'temporary file' "$why"
temp${n}=$why`,
)}
${alike(({ uid, gid }) => `${uid}:${gid}`)
  .map(([owner, those]) => `${owner === '0:0' ? `${isRoots(all('temp', those))} || ` : ''}why=$(chown -- ${owner} ${all('temp', those)} 2>&1) || die owner "$why"`)
  .join('\n')}
${alike(({ mode }) => mode)
  // That of the others is what mktemp gives.
  .filter(([mode]) => Number.parseInt(mode, 8) !== 0o600)
  .map(([mode, those]) => `why=$(chmod -- ${quote(mode)} ${all('temp', those)} 2>&1) || die mode "$why"`)
  .join('\n')}
if [ -e /sys/fs/selinux/enforce ]; then
${each(({ label }, n) =>
  label === undefined
    ? `  if [ -e "$path${n}" ]; then why=$(chcon --reference="$path${n}" -- "$temp${n}" 2>&1) || die label "$why"; fi`
    : `  why=$(chcon -- ${quote(label)} "$temp${n}" 2>&1) || die label "$why"`,
)}
fi
${each(({ size }, n) => (size === 0 ? ':' : `why=$(dd bs=${size} count=1 iflag=fullblock conv=fsync status=none 2>&1 >"$temp${n}") || die content "$why"`))}
sums=$(sha256sum -- ${all('temp')}) || die content 'cannot be read again'
holds "$sums" ${sums('temp')} || die content 'did not arrive whole; nothing was replaced' ${scriptExit.incomplete}
${each(
  (_, n) => `why=$(mv -fT -- "$temp${n}" "$path${n}" 2>&1) || die rename "$why"
temp${n}=
why=$(sync -- "$dir${n}" 2>&1) || die 'sync of the folder' "$why"`,
)}
isDone=1
sums=$(sha256sum -- ${all('path')}) || die "$path" 'cannot be read again' ${scriptExit.differs}
holds "$sums" ${sums('path')} || die "$odd" 'holds something else than was written' ${scriptExit.differs}
have=$(stat -c '%a %u %g' -- ${all('path')})
holds "$have" ${each(({ mode, uid, gid }, n) => `'${mode.replace(/^0+(?=.)/, '')} ${uid} ${gid}' "$path${n}"`).replaceAll('\n', ' ')} || die "$odd" "mode, owner and group are $line" ${scriptExit.differs}
`;
}

/** Makes a path a symlink in one rename. */
export function replaceLinkScript(path: string, linkTo: string): string {
  return `
set -u
temp=
trap '[ -z "$temp" ] || rm -f -- "$temp"' EXIT
${die}
${splitPath(path)}
${checkPlace}
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
