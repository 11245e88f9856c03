/** How to look at a staging cluster that was left up. */

import type { StagingProcess } from '../../app/rehearse-process.js';

export function pokeText({ folder, sshConfig, kubeconfig, env }: StagingProcess['started']['operator'], spec: { readonly nodes: readonly { readonly name: string }[] }): string {
  const node = spec.nodes[0]?.name ?? 'cp1';
  return [
    '',
    'The cluster is still up. In another terminal:',
    `  ssh -F ${sshConfig} ${node}`,
    `  ssh -F ${sshConfig} ${node} sudo cat /etc/kubernetes/admin.conf > ${folder}/admin.conf\n  kubectl --kubeconfig ${folder}/admin.conf get nodes`,
    `  kubectl --kubeconfig ${kubeconfig} get nodes        (made before the rotation: Unauthorized, or x509)`,
    `  VAULT_ADDR=${env.VAULT_ADDR ?? ''} VAULT_CACERT=${env.VAULT_CACERT ?? ''} VAULT_TOKEN=$(cat ${folder}/vault/root-token) vault list pki-k8s/issuers`,
    `  . ${folder}/env.sh                                  (all of it)`,
    'Ctrl-C removes it.',
  ].join('\n');
}
