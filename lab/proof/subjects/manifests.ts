import type { KubeObject } from '../../workloads/kube-objects.js';

/** Namespace of everything that the proof is held against. */
export const namespace = 'proof';
export const webhookName = 'sees.proof.rotate-ca.lab';
export const apiServiceName = 'v1alpha1.wardle.example.com';

const meta = (name: string, more: Record<string, unknown> = {}): KubeObject['metadata'] => ({ name, namespace, ...more });

export interface SubjectWishes {
  readonly images: { readonly subject: string; readonly apiServer: string; readonly etcd: string };
  /** Outgoing CA of the cluster, PEM. */
  readonly ca: string;
  readonly webhook: { readonly certificate: string; readonly key: string };
  readonly aggregated: { readonly certificate: string; readonly key: string };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function service(name: string, port: number, targetPort: number): KubeObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: meta(name), spec: { selector: { app: name }, ports: [{ port, targetPort }] } };
}

function tlsSecret(name: string, pair: { readonly certificate: string; readonly key: string }): KubeObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: meta(name), type: 'kubernetes.io/tls', data: { 'tls.crt': base64(pair.certificate), 'tls.key': base64(pair.key) } };
}

function deployment(name: string, containers: readonly Record<string, unknown>[], volumes: readonly unknown[] = []): KubeObject {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta(name),
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: name,
          // At once: plans are made wrong by the dozen.
          terminationGracePeriodSeconds: 1,
          tolerations: [{ operator: 'Exists' }],
          containers: containers.map((container) => ({ imagePullPolicy: 'Never', ...container })),
          volumes,
        },
      },
    },
  };
}

const tlsVolume = (secretName: string): unknown => ({ name: 'tls', secret: { secretName } });
const tlsMount = { name: 'tls', mountPath: '/tls' };

function account(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(name) };
}

function binding(name: string, kind: 'RoleBinding' | 'ClusterRoleBinding', role: string, of: string, where?: string): KubeObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata: { name, ...(where === undefined ? {} : { namespace: where }) },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: kind === 'RoleBinding' && where === 'kube-system' ? 'Role' : 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name: of, namespace }],
  };
}

/** Accounts, what they may, and a token of the old kind. */
export function foundation(): KubeObject[] {
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    ...['client', 'webhook', 'wardle', 'legacy'].map(account),
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'proof-aggregated' },
      rules: [
        { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'watch', 'list'] },
        {
          apiGroups: ['admissionregistration.k8s.io'],
          resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations', 'validatingadmissionpolicies', 'validatingadmissionpolicybindings'],
          verbs: ['get', 'watch', 'list'],
        },
        { apiGroups: ['flowcontrol.apiserver.k8s.io'], resources: ['flowschemas', 'prioritylevelconfigurations'], verbs: ['get', 'watch', 'list'] },
      ],
    },
    binding('proof-aggregated', 'ClusterRoleBinding', 'proof-aggregated', 'wardle'),
    binding('proof-auth-delegator', 'ClusterRoleBinding', 'system:auth-delegator', 'wardle'),
    binding('proof-auth-reader', 'RoleBinding', 'extension-apiserver-authentication-reader', 'wardle', 'kube-system'),
    // The probes' own way in, by a token: it hangs on no CA of the cluster.
    account('prober'),
    binding('proof-prober', 'ClusterRoleBinding', 'cluster-admin', 'prober'),
    binding('proof-view', 'RoleBinding', 'view', 'client', namespace),
    binding('proof-legacy', 'RoleBinding', 'view', 'legacy', namespace),
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: meta('legacy-token', { annotations: { 'kubernetes.io/service-account.name': 'legacy' } }),
      type: 'kubernetes.io/service-account-token',
    },
  ];
}

/** A pod that never reads ca.crt again, a webhook, an aggregated API, and a copy of the CA that nobody keeps up to date. */
export function subjects({ images, ca, webhook, aggregated }: SubjectWishes): KubeObject[] {
  return [
    { apiVersion: 'v1', kind: 'Secret', metadata: meta('copied-ca'), data: { 'ca.pem': base64(ca) } },
    tlsSecret('webhook-tls', webhook),
    tlsSecret('wardle-tls', aggregated),
    deployment('client', [{ name: 'client', image: images.subject, args: ['client'] }]),
    service('webhook', 443, 8443),
    deployment('webhook', [{ name: 'webhook', image: images.subject, args: ['webhook'], volumeMounts: [tlsMount] }], [tlsVolume('webhook-tls')]),
    service('wardle', 443, 8443),
    deployment(
      'wardle',
      [
        {
          name: 'wardle',
          image: images.apiServer,
          args: ['--etcd-servers=http://127.0.0.1:2379', '--secure-port=8443', '--tls-cert-file=/tls/tls.crt', '--tls-private-key-file=/tls/tls.key', '--audit-log-maxage=0'],
          volumeMounts: [tlsMount],
        },
        {
          name: 'etcd',
          image: images.etcd,
          command: [
            'etcd',
            '--data-dir=/tmp/etcd',
            '--listen-client-urls=http://127.0.0.1:2379',
            '--advertise-client-urls=http://127.0.0.1:2379',
            '--listen-peer-urls=http://127.0.0.1:2380',
          ],
        },
      ],
      [tlsVolume('wardle-tls')],
    ),
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: apiServiceName },
      spec: {
        group: 'wardle.example.com',
        version: 'v1alpha1',
        groupPriorityMinimum: 1000,
        versionPriority: 15,
        service: { name: 'wardle', namespace, port: 443 },
        caBundle: base64(ca),
      },
    },
  ];
}

/** Applied once the webhook runs: until then it would refuse what it sees. It sees one kind of object of its namespace alone. */
export function webhookConfiguration(ca: string): KubeObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: webhookName },
    webhooks: [
      {
        name: webhookName,
        clientConfig: { service: { name: 'webhook', namespace, path: '/', port: 443 }, caBundle: base64(ca) },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'], scope: 'Namespaced' }],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        objectSelector: { matchLabels: { proof: 'seen' } },
        failurePolicy: 'Fail',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        timeoutSeconds: 5,
      },
    ],
  };
}
