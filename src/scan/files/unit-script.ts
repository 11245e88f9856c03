/** The part of a node's script that finds components which systemd starts, or a kubelet in a way of its own, and the files that they name. */

/** Programs that are looked for as units; flanneld is an agent of the network that some clusters run so. */
const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'flanneld'] as const;

/*
 * The command line is that of the running process: systemd has put in the variables of its environment files. Logs and programs that
 * it names are no trust: what is executable, or larger than 256 KiB, is left alone. Uses what the script around it defines.
 */
export const unitScript = `keys=\${more_keys-}'certificate-authority|client-certificate|client-key|tokenFile|kubeconfig|clientCAFile|tlsCertFile|tlsPrivateKeyFile'
refs=; named=; own=; kubelet=; pods=
reference='^[[:space:]]*(- )?[A-Za-z][A-Za-z-]*:[[:space:]]*"?/[^[:space:]"]+"?[[:space:]]*$'
small() { [ $# -eq 0 ] || find -L "$@" -maxdepth 0 -type f -size -256k ! -perm /111 2>/dev/null; }
# One program for all of them, however many there are.
sorted() {
  [ $# -gt 0 ] || return 0
  printf '%s\\n' "$@" | awk '{
    path = $0; is = ""
    while (is != "pem" && (getline l < path) > 0) {
      if (l ~ /-----BEGIN [A-Z ]*(CERTIFICATE|PRIVATE KEY|PUBLIC KEY)-----/) is = "pem"
      else if (l ~ /^[ \\t]*"?clusters"?:/) is = "kubeconfig"
      else if (is == "" && l ~ /^[ \\t]*(- )?[A-Za-z][A-Za-z-]*:[ \\t]*"?\\/[^ \\t"]+"?[ \\t\\r]*$/) is = "config"
    }
    close(path)
    if (is != "") print is " " path
  }'
}
sort_in() {
  for l in $(sorted $(small "$@")); do
    p=\${l#* }
    case $l in
      pem*) add pem "$p" ;;
      kubeconfig*) add kubeconfig "$p"; further="$further$p$nl" ;;
      *) add config "$p"; refs="$refs$p$nl"; further="$further$p$nl" ;;
    esac
  done
}
named_in() {
  for p; do
    awk -v dir="\${p%/*}" -v keys="$keys" '$0 ~ "^[ ]*(- )?(" keys ")[ ]*:" {
      v = $0; sub(/^[ ]*(- )?[A-Za-z-]+[ ]*:[ ]*/, "", v); sub(/[ \\t]+#.*$/, "", v); gsub(/["\\047 ]/, "", v); if (v != "") print (v ~ /^\\//) ? v : dir "/" v }' "$p" 2>/dev/null
  done
}
paths_of() { tr '\\0=,' '\\n\\n\\n' < $1 2>/dev/null | sed 1d | grep '^/[^/]'; }
# Of its stat what follows the name, which may hold anything.
since() { if { read -r s < $d/stat; } 2>/dev/null; then printf 'started %s %s\\n' "$name" "\${s##*) }"; fi; }
on_host() { [ "$(readlink $d/ns/net)" = "$(readlink /proc/1/ns/net)" ]; }
# As systemd's, but that what they name is looked for on the host too: folders of the host are usually mounted under their own names.
in_pod() {
  case $name in kube-apiserver|kube-controller-manager|kube-scheduler) ;; *) return ;; esac
  [ ! -e "/etc/kubernetes/manifests/$name.yaml" ] || return
  printf 'pod %s %s\\n' "$name" "$(base64 -w 0 < $c)"
  own=1; pods=1; named=$named$(paths_of $c)$nl
}
kubelet_option() { tr '\\0' '\\n' < $kubelet 2>/dev/null | awk -v f="--$1" '$0 == f {getline; print; exit} index($0, f "=") == 1 {print substr($0, length(f) + 2); exit}'; }
for c in $(set +f; grep -lzE '(^|/)(${programs.join('|')})$' /proc/[0-9]*/cmdline 2>/dev/null); do
  d=\${c%/cmdline}; a=$(tr '\\0' '\\n' < $c 2>/dev/null); a=\${a%%"$nl"*}; name=\${a##*/}
  case " ${programs.join(' ')} " in *" $name "*) ;; *) continue ;; esac
  groups=; { while read -r l; do groups=$groups$l$nl; done < $d/cgroup; } 2>/dev/null
  case $groups in *kubepods*) isPod=1 ;; *) isPod= ;; esac
  if [ -n "$isPod" ]; then if on_host; then since; in_pod; [ -z "\${more_keys-}" ] || named=$named$(paths_of $c)$nl; fi; continue; fi
  # A container on this host may have a systemd of its own: its units are not the host's.
  ns=$(readlink $d/ns/pid 2>/dev/null); [ -z "$ns" ] || [ "$ns" = "$(readlink /proc/self/ns/pid)" ] || continue
  since
  [ $name != kubelet ] || kubelet=$c
  unit=
  for l in $groups; do l=\${l##*/}; case $l in ?*.service) unit=$l; break ;; esac; done
  [ -n "$unit" ] || continue
  settings=; [ $name != etcd ] || settings=$(tr '\\0' '\\n' < $d/environ 2>/dev/null | grep '^ETCD_')
  printf 'unit %s %s %s %s\\n' "$name" "$unit" "$(base64 -w 0 < $c)" "$([ -z "$settings" ] || printf '%s\\n' "$settings" | base64 -w 0)"
  systemctl show -p FragmentPath,DropInPaths,EnvironmentFiles,User,NeedDaemonReload "$unit" 2>/dev/null | sed 's/^/|/'
  [ $name = kubelet ] || own=1
  named=$named$(paths_of $c)$nl
  [ -z "$settings" ] || named=$named$(printf '%s\\n' "$settings" | tr '=,' '\\n\\n' | grep '^/[^/]')$nl
done
if [ -n "$pods" ] && [ -n "$kubelet" ]; then
  folder=$(kubelet_option pod-manifest-path); config=$(kubelet_option config)
  [ -n "$folder" ] || [ -z "$config" ] || folder=$(awk '/^[ {]*"?staticPodPath"?[ ]*:/ {sub(/^[^:]*:/, ""); gsub(/[ "\\047,}]/, ""); print; exit}' "$config" 2>/dev/null)
  [ -z "$folder" ] || add manifest $(below "\${folder%/}/" -maxdepth 1 ! -name '.*')
fi
# Kubeconfigs of people are in no command line; where units were written by hand they lie beside those of the components.
[ -z "$own" ] || named=$named$(find /etc/kubernetes -maxdepth 2 -type f ! -path "*$nl*" 2>/dev/null)$nl
further=\${more_configs-}; sort_in \${more_files-} $(printf %s "$named" | sort -u)
for round in 1 2; do
  [ -n "$further" ] || break
  now=$further; further=; sort_in $(named_in $now | sort -u)
done
`;
