/** The script that reads an API server's audit log on its node. Only who used which credential comes back, each once: never a request. */

export interface AuditLimits {
  /** Of all files together, the newest first. */
  readonly bytes: number;
  /** For the reading. */
  readonly seconds: number;
  /** Lines that come back. */
  readonly uses: number;
}

/**
 * Prints, fields with tabs between: `log <bytes read> <bytes there>`, `use <user> <credential id> <user agent> <address> <first> <last>` with texts escaped
 * as in JSON, `cut <what>` where a limit was met, `none` without a log, and `end`.
 * Users that are service accounts are left out: they prove themselves by tokens, which no CA signs.
 * The path is the one in the API server's own file system. Rotated files are `audit-<time>.log` beside `audit.log` (gopkg.in/natefinch/lumberjack.v2
 * backupName), with `.gz` where they are compressed. Files are read up to the size that they have now.
 * The folder may be a link: /var/log/kubernetes that leads to a larger disk.
 * One event is one line (k/k apiserver plugin/pkg/audit/log/backend.go, format json).
 */
export function auditScript(path: string, limits: AuditLimits): string {
  return `set -uf
LC_ALL=C; export LC_ALL
path='${path.replaceAll("'", "'\\''")}'
for pid in $(pidof kube-apiserver 2>/dev/null); do [ -f "/proc/$pid/root$path" ] && { path=/proc/$pid/root$path; break; }; done
[ -f "$path" ] || { echo none; echo end; exit 0; }
folder=\${path%/*}; file=\${path##*/}; stem=\${file%.*}; suffix=\${file##*.}
[ "$suffix" != "$file" ] && suffix=.$suffix || suffix=
sizes=$(find -H "$folder" -maxdepth 1 -type f \\( -name "$file" -o -name "$stem-*$suffix" -o -name "$stem-*$suffix.gz" \\) -exec stat -c '%Y %s %n' {} + 2>/dev/null | sort -rn)
there=$(printf '%s\\n' "$sizes" | awk '{ n += $2 } END { printf "%d", n }')
[ "$there" -le ${limits.bytes} ] && read=$there || { read=${limits.bytes}; printf 'cut\\tbytes\\n'; }
printf 'log\\t%s\\t%s\\n' "$read" "$there"
left=${limits.bytes}
printf '%s\\n' "$sizes" | while read -r _ size name; do
  [ "$left" -gt 0 ] && [ -n "$name" ] || continue
  [ "$size" -lt "$left" ] && take=$size || take=$left
  left=$((left - take))
  case $name in *.gz) gzip -dc "$name" ;; *) head -c "$size" "$name" | tail -c "$take" ;; esac
done 2>/dev/null | timeout ${limits.seconds} grep -avF '"user":{"username":"system:serviceaccount:' | timeout ${limits.seconds} awk '
  function after(prefix,   at, rest) {
    at = index($0, prefix)
    if (!at) return ""
    rest = substr($0, at + length(prefix))
    return match(rest, /^([^"\\\\]|\\\\.)*"/) ? substr(rest, 1, RLENGTH - 1) : ""
  }
  {
    user = after("\\"user\\":{\\"username\\":\\"")
    if (user == "" || user == "system:anonymous") next
    key = user "\\t" after("\\"authentication.kubernetes.io/credential-id\\":[\\"") "\\t" after("\\"userAgent\\":\\"") "\\t" after("\\"sourceIPs\\":[\\"")
    at = after("\\"stageTimestamp\\":\\"")
    if (!(key in last)) { if (++count > ${limits.uses}) { full = 1; next }; first[key] = at; last[key] = at }
    if (at < first[key]) first[key] = at
    if (at > last[key]) last[key] = at
  }
  END { for (key in last) printf "use\\t%s\\t%s\\t%s\\n", key, first[key], last[key]; if (full) printf "cut\\tuses\\n"; print "done" }'
echo end
`;
}
