/** Where the API serves a kind of object: paths of collections, objects and subresources. */

const groups: Readonly<Record<string, readonly [prefix: string, plural: string, apiVersion: string]>> = {
  Namespace: ['/api/v1', 'namespaces', 'v1'],
  Node: ['/api/v1', 'nodes', 'v1'],
  Pod: ['/api/v1', 'pods', 'v1'],
  ConfigMap: ['/api/v1', 'configmaps', 'v1'],
  Secret: ['/api/v1', 'secrets', 'v1'],
  ServiceAccount: ['/api/v1', 'serviceaccounts', 'v1'],
  Lease: ['/apis/coordination.k8s.io/v1', 'leases', 'coordination.k8s.io/v1'],
  CertificateSigningRequest: ['/apis/certificates.k8s.io/v1', 'certificatesigningrequests', 'certificates.k8s.io/v1'],
  Deployment: ['/apis/apps/v1', 'deployments', 'apps/v1'],
  ReplicaSet: ['/apis/apps/v1', 'replicasets', 'apps/v1'],
  DaemonSet: ['/apis/apps/v1', 'daemonsets', 'apps/v1'],
  StatefulSet: ['/apis/apps/v1', 'statefulsets', 'apps/v1'],
  PodDisruptionBudget: ['/apis/policy/v1', 'poddisruptionbudgets', 'policy/v1'],
  PriorityClass: ['/apis/scheduling.k8s.io/v1', 'priorityclasses', 'scheduling.k8s.io/v1'],
  TokenReview: ['/apis/authentication.k8s.io/v1', 'tokenreviews', 'authentication.k8s.io/v1'],
  SubjectAccessReview: ['/apis/authorization.k8s.io/v1', 'subjectaccessreviews', 'authorization.k8s.io/v1'],
};

/** Throws RangeError for a kind that is not known. */
export function resourceOf(kind: string): { readonly prefix: string; readonly plural: string; readonly apiVersion: string } {
  const found = groups[kind];
  if (found === undefined) throw new RangeError(`no path is known for the kind ${kind}`);
  return { prefix: found[0], plural: found[1], apiVersion: found[2] };
}

export interface Where {
  readonly namespace?: string | undefined;
  readonly name?: string;
  readonly subresource?: string;
}

/** "/apis/apps/v1/namespaces/default/deployments/web/status". Without a namespace: all of them, or a kind that has none. */
export function pathOf(kind: string, where: Where = {}): string {
  const { prefix, plural } = resourceOf(kind);
  return [prefix, ...(where.namespace === undefined ? [] : ['namespaces', where.namespace]), plural, where.name, where.subresource].filter((part) => part !== undefined).join('/');
}
