/** The kinds that a staging API server knows by itself: names, scope and subresources, as a real one lists them in discovery. */

export interface Resource {
  /** "" for core. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly subresources: readonly string[];
  /** Does its registry strategy keep metadata.generation? */
  readonly generation: boolean;
}

type Row = readonly [kind: string, plural: string, scope: 'namespaced' | 'cluster', shortNames?: string, subresources?: string];

/** Marks kinds without metadata.generation (k/k pkg/registry/.../strategy.go: PrepareForCreate sets it or not). */
const withoutGeneration = new Set(
  (
    'Namespace Node Secret ConfigMap ServiceAccount Service Endpoints Event PersistentVolume PersistentVolumeClaim ControllerRevision Lease CertificateSigningRequest APIService ' +
    'ClusterRole ClusterRoleBinding Role RoleBinding StorageClass CSINode CSIDriver EndpointSlice VolumeAttachment LimitRange'
  ).split(' '),
);

const groups: Readonly<Record<string, readonly Row[]>> = {
  v1: [
    ['ConfigMap', 'configmaps', 'namespaced', 'cm'],
    ['Endpoints', 'endpoints', 'namespaced', 'ep'],
    ['Event', 'events', 'namespaced', 'ev'],
    ['LimitRange', 'limitranges', 'namespaced', 'limits'],
    ['Namespace', 'namespaces', 'cluster', 'ns', 'status,finalize'],
    ['Node', 'nodes', 'cluster', 'no', 'status,proxy'],
    ['PersistentVolume', 'persistentvolumes', 'cluster', 'pv', 'status'],
    ['PersistentVolumeClaim', 'persistentvolumeclaims', 'namespaced', 'pvc', 'status'],
    ['Pod', 'pods', 'namespaced', 'po', 'status,binding,eviction,log,exec,attach,portforward'],
    ['ReplicationController', 'replicationcontrollers', 'namespaced', 'rc', 'status,scale'],
    ['ResourceQuota', 'resourcequotas', 'namespaced', 'quota', 'status'],
    ['Secret', 'secrets', 'namespaced'],
    ['Service', 'services', 'namespaced', 'svc', 'status'],
    ['ServiceAccount', 'serviceaccounts', 'namespaced', 'sa', 'token'],
  ],
  'apps/v1': [
    ['ControllerRevision', 'controllerrevisions', 'namespaced'],
    ['DaemonSet', 'daemonsets', 'namespaced', 'ds', 'status'],
    ['Deployment', 'deployments', 'namespaced', 'deploy', 'status,scale'],
    ['ReplicaSet', 'replicasets', 'namespaced', 'rs', 'status,scale'],
    ['StatefulSet', 'statefulsets', 'namespaced', 'sts', 'status,scale'],
  ],
  'batch/v1': [
    ['CronJob', 'cronjobs', 'namespaced', 'cj', 'status'],
    ['Job', 'jobs', 'namespaced', '', 'status'],
  ],
  'policy/v1': [['PodDisruptionBudget', 'poddisruptionbudgets', 'namespaced', 'pdb', 'status']],
  'coordination.k8s.io/v1': [['Lease', 'leases', 'namespaced']],
  'discovery.k8s.io/v1': [['EndpointSlice', 'endpointslices', 'namespaced']],
  'certificates.k8s.io/v1': [['CertificateSigningRequest', 'certificatesigningrequests', 'cluster', 'csr', 'status,approval']],
  'admissionregistration.k8s.io/v1': [
    ['MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', 'cluster'],
    ['ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', 'cluster'],
  ],
  'apiregistration.k8s.io/v1': [['APIService', 'apiservices', 'cluster', '', 'status']],
  'apiextensions.k8s.io/v1': [['CustomResourceDefinition', 'customresourcedefinitions', 'cluster', 'crd,crds', 'status']],
  'rbac.authorization.k8s.io/v1': [
    ['ClusterRole', 'clusterroles', 'cluster'],
    ['ClusterRoleBinding', 'clusterrolebindings', 'cluster'],
    ['Role', 'roles', 'namespaced'],
    ['RoleBinding', 'rolebindings', 'namespaced'],
  ],
  'scheduling.k8s.io/v1': [['PriorityClass', 'priorityclasses', 'cluster', 'pc']],
  'networking.k8s.io/v1': [
    ['Ingress', 'ingresses', 'namespaced', 'ing', 'status'],
    ['IngressClass', 'ingressclasses', 'cluster'],
    ['NetworkPolicy', 'networkpolicies', 'namespaced', 'netpol'],
  ],
  'storage.k8s.io/v1': [
    ['CSIDriver', 'csidrivers', 'cluster'],
    ['CSINode', 'csinodes', 'cluster'],
    ['StorageClass', 'storageclasses', 'cluster', 'sc'],
    ['VolumeAttachment', 'volumeattachments', 'cluster', '', 'status'],
  ],
};

/** Reviews: created, answered, never stored. */
export const reviews: ReadonlyMap<string, readonly { readonly kind: string; readonly plural: string; readonly namespaced: boolean }[]> = new Map([
  [
    'authentication.k8s.io/v1',
    [
      { kind: 'SelfSubjectReview', plural: 'selfsubjectreviews', namespaced: false },
      { kind: 'TokenReview', plural: 'tokenreviews', namespaced: false },
    ],
  ],
  [
    'authorization.k8s.io/v1',
    [
      { kind: 'LocalSubjectAccessReview', plural: 'localsubjectaccessreviews', namespaced: true },
      { kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews', namespaced: false },
      { kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews', namespaced: false },
      { kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', namespaced: false },
    ],
  ],
]);

export const builtIn: readonly Resource[] = Object.entries(groups).flatMap(([apiVersion, rows]) =>
  rows.map(([kind, plural, scope, shortNames, subresources]) => ({
    ...splitApiVersion(apiVersion),
    kind,
    plural,
    singular: kind.toLowerCase(),
    namespaced: scope === 'namespaced',
    shortNames: words(shortNames),
    subresources: words(subresources),
    generation: !withoutGeneration.has(kind),
  })),
);

const byKind: ReadonlyMap<string, Resource> = new Map(builtIn.map((resource) => [`${apiVersionOf(resource)} ${resource.kind}`, resource]));

export function builtInKind(apiVersion: string, kind: string): Resource | undefined {
  return byKind.get(`${apiVersion} ${kind}`);
}

export function apiVersionOf(resource: { readonly group: string; readonly version: string }): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

export function splitApiVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const [first = '', second] = apiVersion.split('/');
  return second === undefined ? { group: '', version: first } : { group: first, version: second };
}

/** As errors name a resource: `secrets`, `deployments.apps` (apimachinery GroupResource.String). */
export function qualified(resource: { readonly group: string; readonly plural: string }): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

/** As errors name a kind: `Secret`, `Deployment.apps` (apimachinery GroupKind.String). */
export function qualifiedKind(resource: { readonly group: string; readonly kind: string }): string {
  return resource.group === '' ? resource.kind : `${resource.kind}.${resource.group}`;
}

function words(list: string | undefined): string[] {
  return list === undefined || list === '' ? [] : list.split(',');
}
