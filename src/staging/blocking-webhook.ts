/** A validating webhook that fails closed: the service that it names has nobody behind it. */

import type { StagingContext } from './component.js';
import type { NewObject } from './api/store.js';

const name = 'policy-agent';
const service = { namespace: 'felt', name: 'policy-agent' };

/** What policy agents usually look at, and a rotation writes. Leases and statuses are left out, or every node would be NotReady soon. */
const rules = [
  { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps', 'secrets', 'pods'], scope: '*' },
  { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments', 'daemonsets', 'statefulsets'], scope: '*' },
  { apiGroups: ['certificates.k8s.io'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['certificatesigningrequests'], scope: '*' },
];

const webhook: NewObject = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name },
  webhooks: [
    {
      name: 'check.policy-agent.example.org',
      admissionReviewVersions: ['v1'],
      clientConfig: { service: { ...service, path: '/validate', port: 443 } },
      failurePolicy: 'Fail',
      matchPolicy: 'Equivalent',
      namespaceSelector: {},
      objectSelector: {},
      rules,
      sideEffects: 'None',
      timeoutSeconds: 10,
    },
  ],
};

/** Written past the API, as it would have been before the rotation began. */
export function refuseWrites({ store, spec }: StagingContext, isWanted: boolean): void {
  const key = { apiVersion: webhook.apiVersion, kind: webhook.kind, name };
  const isThere = store.get(key) !== undefined;
  if (isThere === isWanted) return;
  const namespace = spec.namespaces[0] ?? 'default';
  const backend: NewObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name: service.name },
    spec: { clusterIP: '10.96.7.9', type: 'ClusterIP', selector: { app: service.name }, ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 443 }] },
  };
  if (isWanted) {
    store.create(backend);
    const [hook] = webhook.webhooks as { clientConfig: { service: object } }[];
    store.create({ ...webhook, webhooks: [{ ...hook, clientConfig: { service: { ...hook?.clientConfig.service, namespace } } }] });
  } else {
    store.remove(key);
    store.remove({ apiVersion: 'v1', kind: 'Service', namespace, name: service.name });
  }
}
