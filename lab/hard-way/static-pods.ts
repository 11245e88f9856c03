import { stringify } from 'yaml';
import type { Lab } from '../lab.js';
import type { Layout } from '../layout.js';
import type { NodeFile } from '../node/node-file.js';
import { nodePaths } from './folders.js';
import type { Unit } from './units.js';

/** What runs as static pods of the masters' kubelets where the layout says so; etcd, kubelet and kube-proxy are units in any case. */
export const podComponents = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];

export function runsAsPod(lab: Pick<Lab, 'layout'>, unit: Pick<Unit, 'name'>): boolean {
  return lab.layout.controlPlane === 'static-pods' && podComponents.includes(unit.name);
}

/** Where a component says that it is well, as its kubelet asks. */
const probes: Readonly<Record<string, { readonly port: number; readonly path: string }>> = {
  'kube-apiserver': { port: 6443, path: '/livez' },
  'kube-controller-manager': { port: 10257, path: '/healthz' },
  'kube-scheduler': { port: 10259, path: '/healthz' },
};

/** The flags of a unit with those of its EnvironmentFile put in, as systemd would. */
export function flagsOf(unit: Unit, environment: string): string[] {
  const variables = new Map([...environment.matchAll(/^(\w+)="(.*)"$/gm)].map(([, name = '', value = '']) => [name, value.split(' ')]));
  return unit.flags.flatMap((flag) => (flag.startsWith('$') ? (variables.get(flag.slice(1)) ?? []) : [flag]));
}

/** As somebody wrote it by hand: its file and pod have names of their own, folders are mounted whole. */
export function manifestOf({ release }: Pick<Layout, 'release'>, unit: Unit, environment: string): NodeFile {
  const name = unit.name.replace(/^kube-/, '');
  const folders = ['/etc/kubernetes', '/etc/ssl', '/var/log/kubernetes'];
  const volume = (path: string): string => path.slice(1).replaceAll('/', '-');
  const probe = probes[unit.name];
  const manifest = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'kube-system', labels: { component: unit.name, tier: 'control-plane' } },
    spec: {
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      containers: [
        {
          name,
          image: `registry.k8s.io/${unit.name}:${release.version}`,
          imagePullPolicy: 'IfNotPresent',
          command: [unit.program, ...flagsOf(unit, environment)],
          resources: { requests: { cpu: '50m' } },
          ...(probe === undefined
            ? {}
            : {
                livenessProbe: { httpGet: { host: '127.0.0.1', scheme: 'HTTPS', ...probe }, initialDelaySeconds: 15, periodSeconds: 10, timeoutSeconds: 15, failureThreshold: 8 },
              }),
          volumeMounts: folders.map((path) => ({ name: volume(path), mountPath: path, ...(path.startsWith('/etc/') ? { readOnly: true } : {}) })),
        },
      ],
      volumes: folders.map((path) => ({ name: volume(path), hostPath: { path, type: 'DirectoryOrCreate' } })),
    },
  };
  return { path: `${nodePaths.manifests}/${name}.yaml`, content: stringify(manifest, { lineWidth: 0 }), mode: 0o600 };
}
