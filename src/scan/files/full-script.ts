/** The script of a full scan: that of a plan, with more places, and with what is wrong in files. Keys and signatures of tokens stay on the node. */

import { collecting } from './script.js';

/** Of EgressSelector, admission, authentication and authorization configurations: keys that name files (k/k staging/src/k8s.io/apiserver pkg/apis/apiserver/v1beta1, v1). */
const before = `more_keys='kubeConfigFile|path|caBundle|clientKey|clientCert|'
more_configs=
for l in $list; do case $l in 'kubeconfig '*|'config '*) more_configs=$more_configs\${l#* }$nl ;; esac; done
more_files=$(below /etc/kubernetes -maxdepth 4 ! -path '*/manifests/*'; below /etc/cni/net.d -maxdepth 2; below /var/lib/kubernetes -maxdepth 3; below /etc/etcd -maxdepth 3)
`;

/**
 * `marks <path>` and, of a file with PEM, each line of BEGIN or END with its number, `?` where it is not as it must be; `plain <DER in base64, or -> <path>`
 * of a file without PEM, the DER only if it is a certificate; `claims <header and payload of a token> <path>`; `odd <number of names with a newline>`.
 */
const after = `printf '%s\\n' "$pems" | awk 'NR > 1 {
  path = $0; n = 0; print "marks " path
  while ((getline l < path) > 0) {
    n++; sub(/[ \\t]*\\r?$/, "", l)
    if (l ~ /-----(BEGIN|END) /) print "|" n " " (l ~ /^[ \\t]*-----(BEGIN|END) [A-Z0-9 ]+-----$/ ? l : "?")
  }
  close(path)
}'
for p in $(grep -L -e '-----BEGIN ' -- $pems 2>/dev/null); do
  [ "$p" != /dev/null ] && [ -f "$p" ] || continue
  der=; ! has openssl || der=$(openssl x509 -inform DER -in "$p" -outform DER 2>/dev/null </dev/null | base64 -w 0)
  printf 'plain %s %s\\n' "\${der:--}" "$p"
done
{ for l in $list; do case $l in 'kubeconfig '*) printf '%s\\n' "\${l#* }" ;; esac; done; find /var/lib/kubelet/pods -maxdepth 5 -name token ! -path "*$nl*" 2>/dev/null; } | awk '{
  path = $0
  while ((getline l < path) > 0) {
    t = ""
    if (l ~ /^eyJ/) t = l
    else if (l ~ /^[- ]*token:[ ]*"?eyJ/) { t = l; sub(/^[- ]*token:[ ]*"?/, "", t) }
    if (split(t, part, ".") == 3 && part[1] ~ /^[A-Za-z0-9_-]+$/ && part[2] ~ /^[A-Za-z0-9_-]+$/) print "claims " part[1] "." part[2] " " path
  }
  close(path)
}'
odd=0
for l in $(find /etc/kubernetes /var/lib/kubelet/pki -path "*$nl*" -exec printf 'x\\n' \\; 2>/dev/null); do odd=$((odd + 1)); done
printf 'odd %s\\n' $odd
`;

export const fullScript = collecting(before, after);
