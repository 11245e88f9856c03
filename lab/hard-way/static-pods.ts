import { stringify } from 'yaml';
import { kubernetesVersion } from '../lab.js';
import type { Unit } from './units.js';

/** What of a master can run as pods of its kubelet; etcd stays a unit. */
export const podsOfMasters: ReadonlySet<string> = new Set(['kube-apiserver', 'kube-controller-manager', 'kube-scheduler']);

/** The variables of an EnvironmentFile put in where a unit's flags name them, as systemd would. */
export function withVariables(flags: readonly string[], environment: string): string[] {
  const variables = new Map([...environment.matchAll(/^(\w+)="(.*)"$/gm)].map(([, name = '', value = '']) => [`$${name}`, value.split(' ')]));
  return flags.flatMap((flag) => variables.get(flag) ?? [flag]);
}

/** The manifest of a master's component with the flags of its unit. Found by its label `component`, ended by a signal: it is a pod like any other. */
export function staticPod(unit: Unit, environment: string): string {
  const folders = ['/etc/kubernetes', '/var/log/kubernetes'];
  const name = (folder: string): string => folder.slice(1).replaceAll('/', '-');
  return stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: unit.name, namespace: 'kube-system', labels: { component: unit.name, tier: 'control-plane' } },
    spec: {
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      containers: [
        {
          name: unit.name,
          image: `registry.k8s.io/${unit.name}:${kubernetesVersion}`,
          imagePullPolicy: 'IfNotPresent',
          command: [unit.program, ...withVariables(unit.flags, environment)],
          resources: { requests: { cpu: '100m' } },
          volumeMounts: folders.map((folder) => ({ name: name(folder), mountPath: folder })),
        },
      ],
      volumes: folders.map((folder) => ({ name: name(folder), hostPath: { path: folder, type: 'DirectoryOrCreate' } })),
    },
  });
}
