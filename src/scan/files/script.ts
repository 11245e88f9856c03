/** The script that reads the trust files of a node. Keys stay on the node: of a file with a key only digests, certificates and the public key travel. */

import { unitScript } from './unit-script.js';

/** Defines `add`, by which files come into the list. */
const opening = `set -uf
LC_ALL=C; export LC_ALL
nl='
'
IFS=$nl
has() { command -v "$1" >/dev/null 2>&1; }
below() { [ -d "$1" ] || return 0; d=$1; shift; find "$d" "$@" ! -path "*$nl*" \\( -type f -o -type l \\) 2>/dev/null; }

list=; files=; pems=/dev/null
add() {
  kind=$1; shift
  for p; do
    [ -f "$p" ] || [ -L "$p" ] || continue
    case $nl$files in *"$nl$p$nl"*) continue ;; esac
    printf 'file %s %s\\n' "$kind" "$p"
    if [ -L "$p" ]; then to=$(readlink "$p"); printf 'link %s\\n|%s\\n' "$p" "\${to%%"$nl"*}"; fi
    [ -f "$p" ] || continue
    list=$list$kind' '$p$nl; files=$files$p$nl
    [ $kind != pem ] || pems=$pems$nl$p
  done
}
`;

/** Of each file in the list what may be seen of it. */
const reading = `if [ -n "$files" ]; then
  stat -L -c 'stat %a %u %g %.3Y %n' -- $files 2>/dev/null
  sha256sum -- $files 2>/dev/null
fi

# A file that goes away meanwhile ends an awk that has it as an argument; getline goes on.
printf %s "$list" | awk '
  # Only whole certificates and public keys, by their own BEGIN and END: a key, whole or torn, never passes, nor what a torn certificate runs into.
  function public_pem(l) {
    sub(/[ \\t]*\\r?$/, "", l)
    if (on && l == "-----END " label "-----") print block "|" l
    if (l ~ /-----BEGIN /) {
      on = (l ~ /^-----BEGIN (CERTIFICATE|PUBLIC KEY)-----$/)
      label = (l ~ /CERTIFICATE/) ? "CERTIFICATE" : "PUBLIC KEY"; block = ""
    }
    if (l ~ /^-----END /) on = 0
    if (on) block = block "|" l "\\n"
  }

  # Only the lines of a kubeconfig that are known to be public; every other value is put out of the way before it leaves the node. Each line has its
  # place, empty where nothing may be seen; a comment where it is not one value a line, so that nobody takes what is left for the whole.
  function public_kubeconfig(l,   indent, key) {
    if (l ~ /[{]/ && l ~ /data|token|password|secret|exec|auth-provider/) { print "|# withheld"; return }
    if (l ~ /^[- ]*(client-key-data|token|tokenFile|username|password|exec|auth-provider|as|as-groups|as-uid|as-user-extra|extensions)[ ]*:/) {
      match(l, /^[- ]*/); indent = RLENGTH; key = l; sub(/^[- ]*/, "", key); sub(/[ ]*:.*/, "", key)
      print "|" substr(l, 1, indent) key ":"; skip = indent; return
    }
    match(l, /^ */); if (skip != "" && RLENGTH > skip) { print "|"; return }
    skip = ""
    if (l ~ /^[- ]*(apiVersion|kind|clusters|cluster|certificate-authority|certificate-authority-data|server|tls-server-name|insecure-skip-tls-verify|name|contexts|context|user|users|namespace|current-context|preferences|client-certificate|client-certificate-data|client-key)[ ]*:/) print "|" l
    else print (l ~ /[{}\\[\\]"]/) ? "|# withheld" : "|"
  }

  {
    kind = $1; path = substr($0, length(kind) + 2)
    if (kind == "config") next
    print "text " path
    on = 0; skip = ""; whole = ""; private = 0
    while ((getline line < path) > 0) {
      if (kind == "kubeconfig") public_kubeconfig(line)
      # PEM that stands in YAML is indented.
      else if (kind == "pem") { if (path ~ /\\.(ya?ml|conf)$/) sub(/^[ \\t]+/, "", line); public_pem(line) }
      else { whole = whole (whole == "" ? "" : "\\n") "|" line; if (line ~ /PRIVATE KEY/) private = 1 }
    }
    close(path)
    if (whole != "" && !private) print whole
  }'

`;

/**
 * One program for all files wherever there is one that takes many: a control plane has some fifty files, and a look must not cost it five hundred programs.
 * Records, one a line, paths as they are (a path with a newline is left out), text behind a "|" on the lines after its record:
 * `file <kind> <path>`, `link <path>` and where it leads, `stat <mode> <uid> <gid> <time of the last write> <path>`, sums as sha256sum prints them,
 * `text <path>` and what may be seen of it, `refs <path>` and the lines that name other files, `key <path>` and its public half, `tool <name>`,
 * `kubelet <command line in base64>`, `unit <component> <unit> <command line> <ETCD_ variables>` (both in base64) and what systemd says of it, and `end`.
 * `started <component> <of /proc/PID/stat the fields from the third on>`, `clock <Unix time in ms> <seconds since boot>`, and
 * `pod <component> <command line in base64>`, of one on the host's network that is not kubeadm's.
 * What a unit's command line names is read wherever it lies, and what its configuration and kubeconfigs name in turn.
 */
export const collectScript = collecting('', '');

/** `before`: what is run before files that are named are looked for; `after`: at the end. */
export function collecting(before: string, after: string): string {
  return `${opening}for n in admin super-admin controller-manager scheduler kubelet bootstrap-kubelet; do add kubeconfig /etc/kubernetes/$n.conf; done
add pem $(below /etc/kubernetes/pki)
add pem $(below /var/lib/kubelet/pki)
add manifest $(below /etc/kubernetes/manifests -maxdepth 1 ! -name '.*')
add kubeconfig $(below /etc/cni/net.d -name '*kubeconfig*')
add config /var/lib/kubelet/config.yaml

${before}${unitScript}
${reading}printf %s "$refs" | while read -r p; do
  printf 'refs %s\\n' "$p"
  grep -E "$reference" "$p" 2>/dev/null | sed 's/^/|/'
done

if has openssl; then
  for p in $(grep -lE 'BEGIN [A-Z ]*PRIVATE KEY-----' $pems 2>/dev/null); do
    printf 'key %s\\n' "$p"
    openssl pkey -in "$p" -passin pass: -pubout </dev/null 2>/dev/null
  done | awk '/^key \\// {print; next} /^-----BEGIN / {on = ($0 == "-----BEGIN PUBLIC KEY-----")} on {print "|" $0} /^-----END / {on = 0}'
fi

for t in openssl ctr crictl kubeadm; do if has $t; then printf 'tool %s\\n' $t; fi; done

if [ -z "$kubelet" ]; then
  pid=$(systemctl show -p MainPID --value kubelet 2>/dev/null)
  case \${pid:-0} in 0) pid=$(pidof kubelet 2>/dev/null); pid=\${pid%% *} ;; esac
  [ -z "$pid" ] || kubelet=/proc/$pid/cmdline
fi
if [ -n "$kubelet" ] && [ -r "$kubelet" ]; then printf 'kubelet '; base64 -w 0 < "$kubelet"; echo; fi
if { read -r up < /proc/uptime; } 2>/dev/null; then printf 'clock %s %s\\n' "$(date +%s%3N)" "\${up%% *}"; fi
${after}echo end
`;
}

/** As `collectScript`, of these files alone: no tools, no processes, no public halves of keys. Paths are those of an inventory, without a newline or a quote. */
export function scriptOf(files: readonly { readonly kind: 'pem' | 'kubeconfig'; readonly path: string }[]): string {
  return `${opening}${files.map(({ kind, path }) => `add ${kind} '${path}'`).join('\n')}\n${reading}echo end\n`;
}
