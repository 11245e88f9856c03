/** How to look at a staging cluster that was left up: commands that work as they are printed. */

import type { StagingProcess } from '../../app/rehearse-process.js';

interface PokedNode {
  readonly name: string;
  readonly roles: readonly string[];
  readonly via?: string;
}

/** Commands are indented by four, so that they can be told from what is said of them. */
export function pokeText(
  { folder, sshConfig, env, adminKubeconfig, vaultMount }: StagingProcess['started']['operator'],
  { nodes, layout }: { readonly nodes: readonly PokedNode[]; readonly layout?: string },
): string {
  const first = nodes.find(({ roles }) => roles.includes('control-plane'))?.name ?? '';
  const behind = nodes.find(({ via }) => via !== undefined);
  const file = adminKubeconfig.split('/').at(-1) ?? '';
  const admin = quoted(`${folder}/${file}`);
  const ssh = `ssh -F ${quoted(sshConfig)}`;
  return [
    '',
    'The cluster is still up. In another terminal:',
    '',
    '  A shell on a node, "sudo -i" makes it root:',
    `    ${ssh} ${first}`,
    ...(behind === undefined ? [] : [`  A node behind ${behind.via ?? ''}:`, `    ${ssh} ${behind.name}`]),
    `  kubectl, with ${file} of the incoming CA (that of before the rotation gets x509 or Unauthorized by now):`,
    `    ${ssh} ${first} sudo cat ${adminKubeconfig} > ${admin}`,
    `    export KUBECONFIG=${admin}`,
    '    kubectl get nodes,pods -A',
    '    kubectl get --raw /readyz',
    `    kubectl describe node ${first}`,
    layout === 'hard-way' ? `    ${ssh} ${first} sudo journalctl -u kube-controller-manager -n 5` : `    kubectl -n kube-system logs kube-controller-manager-${first} --tail 5`,
    '  Vault:',
    `    export VAULT_ADDR=${env.VAULT_ADDR ?? ''} VAULT_CACERT=${quoted(env.VAULT_CACERT ?? '')} VAULT_TOKEN="$(cat ${quoted(`${folder}/vault/root-token`)})"`,
    '    vault status',
    `    vault list ${vaultMount}/issuers`,
    `    vault read ${vaultMount}/cert/ca`,
    '  rotate-ca itself: inventory, Vault and state of the run are in',
    `    . ${quoted(`${folder}/env.sh`)}`,
    '',
    'Ctrl-C removes it.',
  ].join('\n');
}

/** For a shell, where it has to be. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
