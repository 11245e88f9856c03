/** The script that reads the trust files of a node. Keys stay on the node: of a file with a key only digests and certificates travel. */

/**
 * One record a line, fields split by blanks, free text in base64, "-" for nothing:
 * `file <kind> <path> <mode> <uid> <gid> <sha256> <link> <spki> <text>`, `tool <name>`, `kubelet <command line>`, and `end`.
 */
export const collectScript = `set -u
LC_ALL=C; export LC_ALL
has() { command -v "$1" >/dev/null 2>&1; }
b64() { base64 | tr -d '\\n'; }
or_dash() { if [ -n "$1" ]; then printf %s "$1"; else printf -; fi; }

# Only certificates and public keys, by their own BEGIN and END: a key, whole or torn, never passes.
public_pem() { awk '{sub(/\\r$/,"")} /^-----BEGIN /{on=($0 ~ /^-----BEGIN (CERTIFICATE|PUBLIC KEY)-----[ \\t]*$/)} on{print} /^-----END /{on=0}'; }

# Only the lines of a kubeconfig that are known to be public; every other value is put out of the way before it leaves the node.
public_kubeconfig() {
  awk '
    /[{]/ && /data|token|password|secret|exec|auth-provider/ {next}
    /^[- ]*(client-key-data|token|tokenFile|username|password|exec|auth-provider|as|as-groups|as-uid|as-user-extra|extensions)[ ]*:/ {
      match($0, /^[- ]*/); indent=RLENGTH; key=$0; sub(/^[- ]*/, "", key); sub(/[ ]*:.*/, "", key)
      print substr($0, 1, indent) key ":"; skip=indent; next
    }
    { match($0, /^ */); if (skip != "" && RLENGTH > skip) next; skip="" }
    /^[- ]*(apiVersion|kind|clusters|cluster|certificate-authority|certificate-authority-data|server|tls-server-name|insecure-skip-tls-verify|name|contexts|context|user|users|namespace|current-context|preferences|client-certificate|client-certificate-data|client-key)[ ]*:/ {print}
  '
}

spki() {
  has openssl || { printf -; return; }
  if grep -q 'BEGIN PUBLIC KEY-----' "$1"; then in=-pubin; else in=; fi
  # The digest of nothing means that openssl could not read it.
  openssl pkey $in -in "$1" -passin pass: -pubout -outform DER </dev/null 2>/dev/null | sha256sum | cut -d' ' -f1
}

one() {
  kind=$1; p=$2
  link=; [ -L "$p" ] && link=$(readlink "$p" | b64)
  if [ ! -f "$p" ]; then
    [ -L "$p" ] && printf 'file %s %s 0777 0 0 - %s - -\\n' "$kind" "$(printf %s "$p" | b64)" "$link"
    return
  fi
  key=-; text=
  case $kind in
    kubeconfig) text=$(public_kubeconfig < "$p" | b64) ;;
    manifest) grep -q 'PRIVATE KEY' "$p" || text=$(b64 < "$p") ;;
    config) : ;;
    *)
      text=$(public_pem < "$p" | b64)
      grep -Eq 'BEGIN ([A-Z ]*PRIVATE|PUBLIC) KEY-----' "$p" && key=$(spki "$p") ;;
  esac
  printf 'file %s %s %s %s %s %s %s\\n' "$kind" "$(printf %s "$p" | b64)" "$(stat -L -c '%a %u %g' "$p")" "$(sha256sum < "$p" | cut -d' ' -f1)" "$(or_dash "$link")" "$(or_dash "$key")" "$(or_dash "$text")"
}

each() { while IFS= read -r f; do one "$1" "$f"; done; }

for f in admin super-admin controller-manager scheduler kubelet bootstrap-kubelet; do one kubeconfig /etc/kubernetes/$f.conf; done
find /etc/kubernetes/pki \\( -type f -o -type l \\) 2>/dev/null | sort | each pem
find /var/lib/kubelet/pki \\( -type f -o -type l \\) 2>/dev/null | sort | each pem
find /etc/kubernetes/manifests -maxdepth 1 ! -name '.*' \\( -type f -o -type l \\) 2>/dev/null | sort | each manifest
find /etc/cni/net.d -name '*kubeconfig*' \\( -type f -o -type l \\) 2>/dev/null | sort | each kubeconfig
one config /var/lib/kubelet/config.yaml

for t in openssl ctr crictl kubeadm; do has $t && printf 'tool %s\\n' $t; done

pid=$(systemctl show -p MainPID --value kubelet 2>/dev/null)
case \${pid:-0} in 0) pid=$(pidof kubelet 2>/dev/null | cut -d' ' -f1) ;; esac
[ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] && printf 'kubelet %s\\n' "$(b64 < "/proc/$pid/cmdline")"
echo end
`;
