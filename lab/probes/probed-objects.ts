import type { KubeObject } from '../workloads/kube-objects.js';

export const probedNamespace = 'probed';
export const proberAccount = 'prober';
/** Organisation of the probers' client certificates. */
export const proberGroup = 'rotate-ca-probers';

const configMaps = `/api/v1/namespaces/${probedNamespace}/configmaps`;

/** From the apiserver's watch cache: the probe is of trust, and must not cost etcd a read each time. */
export const readPath = `${configMaps}/probed?resourceVersion=0`;

/** With a write every 50 ms and a deadline of 1 s up to 20 are under way at once; clients that write one object so fast would fight themselves. */
const writtenObjects = 24;

export function writePaths(className: string): string[] {
  return writtenNames(className).map((name) => `${configMaps}/${name}`);
}

function writtenNames(className: string): string[] {
  return Array.from({ length: writtenObjects }, (_, index) => `written-by-${className}-${index + 1}`);
}

/** What the probers read and write, and their right to. Anonymous gets nothing here, so an answer proves who asked. */
export function probedObjects(classNames: readonly string[]): KubeObject[] {
  const namespace = probedNamespace;
  const names = ['probed', ...classNames.flatMap(writtenNames)];
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: proberAccount, namespace } },
    ...names.map((name) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } })),
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'prober', namespace },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'patch'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'prober', namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'prober' },
      subjects: [
        { kind: 'ServiceAccount', name: proberAccount, namespace },
        { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: proberGroup },
      ],
    },
  ];
}
