/** Where objects live in the API: kind to path, from a table of what rotations touch and from discovery for the rest. */

export interface Resource {
  readonly plural: string;
  readonly namespaced: boolean;
}

type Row = readonly [apiVersion: string, kind: string, plural: string, scope: 'namespaced' | 'cluster'];

/** Stable since Kubernetes 1.22 at the latest, so that no request is spent on asking. */
const rows: readonly Row[] = [
  ['v1', 'ConfigMap', 'configmaps', 'namespaced'],
  ['v1', 'Endpoints', 'endpoints', 'namespaced'],
  ['v1', 'Event', 'events', 'namespaced'],
  ['v1', 'Namespace', 'namespaces', 'cluster'],
  ['v1', 'Node', 'nodes', 'cluster'],
  ['v1', 'Pod', 'pods', 'namespaced'],
  ['v1', 'ReplicationController', 'replicationcontrollers', 'namespaced'],
  ['v1', 'Secret', 'secrets', 'namespaced'],
  ['v1', 'Service', 'services', 'namespaced'],
  ['v1', 'ServiceAccount', 'serviceaccounts', 'namespaced'],
  ['apps/v1', 'ControllerRevision', 'controllerrevisions', 'namespaced'],
  ['apps/v1', 'DaemonSet', 'daemonsets', 'namespaced'],
  ['apps/v1', 'Deployment', 'deployments', 'namespaced'],
  ['apps/v1', 'ReplicaSet', 'replicasets', 'namespaced'],
  ['apps/v1', 'StatefulSet', 'statefulsets', 'namespaced'],
  ['batch/v1', 'CronJob', 'cronjobs', 'namespaced'],
  ['batch/v1', 'Job', 'jobs', 'namespaced'],
  ['policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', 'namespaced'],
  ['scheduling.k8s.io/v1', 'PriorityClass', 'priorityclasses', 'cluster'],
  ['coordination.k8s.io/v1', 'Lease', 'leases', 'namespaced'],
  ['discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices', 'namespaced'],
  ['certificates.k8s.io/v1', 'CertificateSigningRequest', 'certificatesigningrequests', 'cluster'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles', 'cluster'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'clusterrolebindings', 'cluster'],
  ['rbac.authorization.k8s.io/v1', 'Role', 'roles', 'namespaced'],
  ['rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings', 'namespaced'],
  ['admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', 'cluster'],
  ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', 'cluster'],
  ['apiregistration.k8s.io/v1', 'APIService', 'apiservices', 'cluster'],
  ['apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions', 'cluster'],
];

const table: ReadonlyMap<string, Resource> = new Map(rows.map(([apiVersion, kind, plural, scope]) => [`${apiVersion} ${kind}`, { plural, namespaced: scope === 'namespaced' }]));

/** `/api/v1` or `/apis/GROUP/VERSION`. */
export function groupPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion.split('/').map(encodeURIComponent).join('/')}` : `/api/${encodeURIComponent(apiVersion)}`;
}

/** `/apis/apps/v1/namespaces/x/deployments/y`. Of a namespaced kind without a namespace: all namespaces, which only a list may ask for. */
export function objectPath(apiVersion: string, resource: Resource, at: { namespace?: string; name?: string; subresource?: string }): string {
  if (resource.namespaced && at.namespace === undefined && at.name !== undefined) {
    throw new Error(`"${resource.plural}/${at.name}" is asked for without a namespace`);
  }
  const namespace = resource.namespaced && at.namespace !== undefined ? `/namespaces/${encodeURIComponent(at.namespace)}` : '';
  const name = at.name === undefined ? '' : `/${encodeURIComponent(at.name)}`;
  const subresource = at.subresource === undefined ? '' : `/${encodeURIComponent(at.subresource)}`;
  return `${groupPath(apiVersion)}${namespace}/${resource.plural}${name}${subresource}`;
}

/** Kinds by API version; what is not in the table is asked of the API once and kept. */
export class Resources {
  readonly #asked = new Map<string, ReadonlyMap<string, Resource>>();

  /** undefined: the cluster does not serve that kind. `discover` returns the body of a group's resource list, undefined on 404. */
  async find(apiVersion: string, kind: string, discover: (path: string) => Promise<string | undefined>): Promise<Resource | undefined> {
    const known = table.get(`${apiVersion} ${kind}`) ?? this.#asked.get(apiVersion)?.get(kind);
    if (known !== undefined) return known;
    const body = await discover(groupPath(apiVersion));
    // Kinds that are missing are not kept: a CRD may be installed a moment later.
    if (body === undefined) return undefined;
    const found = readResourceList(body);
    this.#asked.set(apiVersion, found);
    return found.get(kind);
  }
}

function readResourceList(body: string): ReadonlyMap<string, Resource> {
  const list = JSON.parse(body) as { resources?: readonly { name?: unknown; kind?: unknown; namespaced?: unknown }[] };
  const found = new Map<string, Resource>();
  for (const { name, kind, namespaced } of list.resources ?? []) {
    // Subresources ("pods/status") carry the kind of their body; they are not where the kind lives.
    if (typeof name !== 'string' || typeof kind !== 'string' || name.includes('/')) continue;
    found.set(kind, { plural: name, namespaced: namespaced === true });
  }
  return found;
}
