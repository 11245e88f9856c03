/** The script that lists who is connected to an API server, on its node: addresses and how many connections each has, and nothing else. */

/**
 * Prints, fields with tabs between: `from <address>` of whoever has come in by SSH, as the node sees it; `peer <count> <address>`; and `done`.
 * `none`: there is no ss (iproute2); `failed`: it has ended with an error. A connection of iproute2's `ss -tnH state established` is a line of
 * Recv-Q, Send-Q, own address and other address; an IPv4 address at a socket for both is [::ffff:10.0.0.1], and one may have its interface behind %.
 * sudo takes SSH_CONNECTION out of the environment: it is looked for in the processes above.
 */
export function connectionsScript(port: number): string {
  return `set -u
LC_ALL=C; export LC_ALL
p=$$
while [ "\${p:-0}" -gt 1 ]; do
  from=$(tr '\\0' '\\n' 2>/dev/null <"/proc/$p/environ" | sed -n 's/^SSH_CONNECTION=\\([^ ]*\\) .*/\\1/p')
  [ -z "$from" ] || { printf 'from\\t%s\\n' "$from"; break; }
  p=$(sed 's/.*) //' 2>/dev/null <"/proc/$p/stat" | cut -d ' ' -f 2)
done 2>/dev/null
command -v ss >/dev/null 2>&1 || { echo none; exit 0; }
lines=$(timeout 15 ss -tnH state established "( sport = :${port} )" 2>/dev/null) || { echo failed; exit 0; }
printf '%s\\n' "$lines" | awk '
  NF >= 4 { a = $4; sub(/:[0-9]+$/, "", a); gsub(/[][]/, "", a); sub(/%.*/, "", a); sub(/^::ffff:/, "", a); n[a]++ }
  END { for (a in n) printf "peer\\t%d\\t%s\\n", n[a], a; print "done" }'
`;
}
