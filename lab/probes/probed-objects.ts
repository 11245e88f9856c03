import type { KubeObject } from '../workloads/kube-objects.js';

export const probedNamespace = 'probed';
export const proberAccount = 'prober';
/** Organisation of the probers' client certificates. */
export const proberGroup = 'rotate-ca-probers';

const configMaps = `/api/v1/namespaces/${probedNamespace}/configmaps`;

/** From the apiserver's watch cache: the probe is of trust, and must not cost etcd a read each time. */
export const readPath = `${configMaps}/probed?resourceVersion=0`;

export function writePath(className: string): string {
  return `${configMaps}/written-by-${className}`;
}

/** What the probers read and write, and their right to. Anonymous gets nothing here, so an answer proves who asked. */
export function probedObjects(classNames: readonly string[]): KubeObject[] {
  const namespace = probedNamespace;
  const names = ['probed', ...classNames.map((name) => `written-by-${name}`)];
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
