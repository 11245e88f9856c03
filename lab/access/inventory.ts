import { stringify } from 'yaml';
import { writeFileAtomically } from '../atomic-file.js';
import { type Lab, type LabNode, sshUser } from '../lab.js';

/** An Ansible inventory with the group names that Kubespray made usual. */
export function writeInventory(lab: Lab): void {
  const hosts = (nodes: readonly LabNode[]): Record<string, { ansible_host: string }> => Object.fromEntries(nodes.map((node) => [node.name, { ansible_host: node.ip }]));
  const inventory = {
    all: {
      vars: {
        ansible_user: sshUser,
        ansible_become: true,
        ansible_ssh_common_args: `-F ${lab.paths.sshConfig}`,
      },
      children: {
        kube_control_plane: { hosts: hosts(lab.controlPlanes) },
        kube_node: { hosts: hosts(lab.workers) },
      },
    },
  };
  writeFileAtomically(lab.paths.inventory, stringify(inventory), 0o644);
}
