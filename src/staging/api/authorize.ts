/** Who may do what: the rules of a kubeadm cluster that matter here, and the roles and bindings that are stored. */

import type { User } from './authenticate.js';
import type { RequestInfo } from './request-info.js';
import type { Store, StoredObject } from './store.js';

/** What a decision needs; also what a SubjectAccessReview names. */
export type Attributes = Pick<RequestInfo, 'isResource' | 'path' | 'verb' | 'group' | 'namespace' | 'resource' | 'name' | 'subresource'>;

interface Rule {
  /** Users and groups. */
  readonly who: readonly string[];
  readonly verbs: readonly string[];
  /** `group/resource` or `group/resource/subresource`; `*` for all. */
  readonly resources?: readonly string[];
  readonly names?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly paths?: readonly string[];
}

const reading = ['get', 'list', 'watch'];
const writing = ['create', 'update', 'patch', 'delete', 'deletecollection'];
const authenticated = ['system:authenticated'];
const everybody = ['system:authenticated', 'system:unauthenticated'];

/** kubeadm's bindings and the bootstrap policy of RBAC (k/k plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go), as far as anybody here is asked. */
const rules: readonly Rule[] = [
  // kube-controller-manager lends its controllers service accounts of their own; here it does their work itself.
  { who: ['system:masters', 'kubeadm:cluster-admins', 'system:kube-controller-manager'], verbs: ['*'], resources: ['*'], paths: ['*'] },
  { who: ['system:kube-scheduler'], verbs: reading, resources: ['*'] },
  {
    who: ['system:kube-scheduler'],
    verbs: writing,
    resources: ['/pods/binding', '/pods/status', '/bindings', '/events', 'events.k8s.io/events', 'coordination.k8s.io/leases', '/pods'],
  },
  { who: ['system:kube-scheduler'], verbs: ['create'], resources: ['authentication.k8s.io/tokenreviews', 'authorization.k8s.io/subjectaccessreviews'] },
  // As a user where it is no pod: system:node-proxier.
  { who: ['system:kube-proxy'], verbs: reading, resources: ['/services', '/endpoints', '/nodes', 'discovery.k8s.io/endpointslices', 'networking.k8s.io/servicecidrs'] },
  { who: ['system:kube-proxy'], verbs: ['create', 'patch', 'update'], resources: ['/events', 'events.k8s.io/events'] },
  // The node authorizer narrows these by what the node's pods use; here by the node's own name only (see mayNode).
  {
    who: ['system:nodes'],
    verbs: reading,
    resources: [
      '/nodes',
      '/services',
      '/pods',
      '/configmaps',
      '/secrets',
      '/persistentvolumeclaims',
      '/persistentvolumes',
      'storage.k8s.io/csidrivers',
      'storage.k8s.io/volumeattachments',
      'coordination.k8s.io/leases',
      'certificates.k8s.io/certificatesigningrequests',
    ],
  },
  {
    who: ['system:nodes'],
    verbs: ['create', 'patch', 'update'],
    resources: ['/events', '/nodes', '/nodes/status', '/pods/status', 'coordination.k8s.io/leases', 'storage.k8s.io/csinodes'],
  },
  { who: ['system:nodes'], verbs: ['create', 'delete'], resources: ['/pods'] },
  {
    who: ['system:nodes'],
    verbs: ['create'],
    resources: [
      '/pods/eviction',
      '/serviceaccounts/token',
      'certificates.k8s.io/certificatesigningrequests',
      'certificates.k8s.io/certificatesigningrequests/selfnodeclient',
      'authentication.k8s.io/tokenreviews',
      'authorization.k8s.io/subjectaccessreviews',
    ],
  },
  { who: ['system:nodes'], verbs: ['get'], resources: ['/serviceaccounts'] },
  { who: ['system:bootstrappers'], verbs: ['create', ...reading], resources: ['certificates.k8s.io/certificatesigningrequests'] },
  { who: ['system:bootstrappers'], verbs: ['create'], resources: ['certificates.k8s.io/certificatesigningrequests/nodeclient'] },
  { who: ['system:bootstrappers'], verbs: ['get'], resources: ['/nodes'] },
  {
    who: ['system:bootstrappers', 'system:nodes'],
    verbs: ['get'],
    resources: ['/configmaps'],
    names: ['kubeadm-config', 'kubelet-config', 'kube-proxy'],
    namespaces: ['kube-system'],
  },
  {
    who: authenticated,
    verbs: ['create'],
    resources: ['authentication.k8s.io/selfsubjectreviews', 'authorization.k8s.io/selfsubjectaccessreviews', 'authorization.k8s.io/selfsubjectrulesreviews'],
  },
  { who: authenticated, verbs: ['get'], paths: ['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*', '/version', '/version/'] },
  { who: everybody, verbs: ['get'], paths: ['/healthz', '/livez', '/readyz', '/version', '/version/'] },
  { who: everybody, verbs: ['get'], resources: ['/configmaps'], names: ['cluster-info'], namespaces: ['kube-public'] },
  { who: ['system:serviceaccounts'], verbs: ['get'], paths: ['/.well-known/openid-configuration', '/openid/v1/jwks'] },
  // Workloads of a rehearsal: what their client libraries would read in the cluster.
  { who: ['system:serviceaccounts'], verbs: reading, resources: ['/configmaps', '/pods', '/endpoints', '/services', '/namespaces', '/nodes', 'discovery.k8s.io/endpointslices'] },
  { who: ['system:serviceaccounts'], verbs: [...reading, ...writing], resources: ['coordination.k8s.io/leases', '/events'] },
];

export function mayDo(user: User, attributes: Attributes, store: Store): boolean {
  const whom = new Set([user.name, ...user.groups]);
  const isNode = user.groups.includes('system:nodes') && user.name.startsWith('system:node:');
  if (isNode && !mayNode(user.name.slice('system:node:'.length), attributes)) return false;
  return rules.some((rule) => rule.who.some((who) => whom.has(who)) && covers(rule, attributes)) || bound(whom, attributes, store);
}

/** k/k plugin/pkg/auth/authorizer/node and the admission plugin NodeRestriction: a node writes its own objects only. */
function mayNode(node: string, { verb, resource, namespace, name, group }: Attributes): boolean {
  if (verb === 'get' || verb === 'list' || verb === 'watch') return true;
  if (group === 'coordination.k8s.io' && resource === 'leases') return namespace === 'kube-node-lease' && (verb === 'create' || name === node);
  if (group === '' && resource === 'nodes') return verb === 'create' || name === node;
  return true;
}

function covers(rule: Rule, a: Attributes): boolean {
  if (!rule.verbs.includes('*') && !rule.verbs.includes(a.verb)) return false;
  if (!a.isResource) return (rule.paths ?? []).some((path) => path === '*' || path === a.path || (path.endsWith('*') && a.path.startsWith(path.slice(0, -1))));
  const resource = `${a.group}/${a.resource}${a.subresource === '' ? '' : `/${a.subresource}`}`;
  if (!(rule.resources ?? []).some((one) => one === '*' || one === resource)) return false;
  return (rule.names === undefined || rule.names.includes(a.name)) && (rule.namespaces === undefined || rule.namespaces.includes(a.namespace));
}

interface StoredRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** Roles and bindings as objects: k/k pkg/registry/rbac/validation/rule.go. */
function bound(whom: ReadonlySet<string>, a: Attributes, store: Store): boolean {
  const rbac = 'rbac.authorization.k8s.io/v1';
  const everywhere = store.list({ apiVersion: rbac, kind: 'ClusterRoleBinding' });
  const here = a.namespace === '' ? [] : store.list({ apiVersion: rbac, kind: 'RoleBinding', namespace: a.namespace });
  return [...everywhere, ...here].some((binding) => names(binding, whom) && rulesOf(binding, store).some((rule) => storedCovers(rule, a)));
}

function names(binding: StoredObject, whom: ReadonlySet<string>): boolean {
  const subjects = (binding.subjects ?? []) as readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[];
  return subjects.some(({ kind, name, namespace }) =>
    whom.has(kind === 'ServiceAccount' ? `system:serviceaccount:${namespace ?? binding.metadata.namespace ?? ''}:${name}` : name),
  );
}

function rulesOf(binding: StoredObject, store: Store): readonly StoredRule[] {
  const { kind, name } = binding.roleRef as { readonly kind: string; readonly name: string };
  const namespace = kind === 'Role' ? binding.metadata.namespace : undefined;
  const role = store.get({ apiVersion: 'rbac.authorization.k8s.io/v1', kind, name, ...(namespace === undefined ? {} : { namespace }) });
  return (role?.rules ?? []) as readonly StoredRule[];
}

function storedCovers(rule: StoredRule, a: Attributes): boolean {
  const has = (list: readonly string[] | undefined, value: string): boolean => (list ?? []).some((one) => one === '*' || one === value);
  if (!has(rule.verbs, a.verb)) return false;
  if (!a.isResource) return (rule.nonResourceURLs ?? []).some((path) => path === '*' || path === a.path || (path.endsWith('*') && a.path.startsWith(path.slice(0, -1))));
  const resource = a.subresource === '' ? a.resource : `${a.resource}/${a.subresource}`;
  const named = rule.resourceNames === undefined || rule.resourceNames.length === 0 || rule.resourceNames.includes(a.name);
  return has(rule.apiGroups, a.group) && (has(rule.resources, resource) || (a.subresource !== '' && has(rule.resources, `*/${a.subresource}`))) && named;
}

/** The sentence of a 403: apiserver pkg/endpoints/handlers/responsewriters/errors.go forbiddenMessage. */
export function whyNot(user: User, a: Attributes): string {
  if (!a.isResource) return `User ${JSON.stringify(user.name)} cannot ${a.verb} path ${JSON.stringify(a.path)}`;
  const resource = a.subresource === '' ? a.resource : `${a.resource}/${a.subresource}`;
  const what = `User ${JSON.stringify(user.name)} cannot ${a.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(a.group)}`;
  return a.namespace === '' ? `${what} at the cluster scope` : `${what} in the namespace ${JSON.stringify(a.namespace)}`;
}
