/** Plans whose break exists only while a step is half done: one side is held back, and asked then. */

import { issue, namesOf, subjectOf } from './certificates.js';
import { leafLike, pairAt, pki, put, putObject, together, withCa, type WrongPlan } from './plan-parts.js';
import { namespace, webhookName } from './subjects/manifests.js';

export const heldPlans: readonly WrongPlan[] = [
  {
    name: 'held-bundle-of-kubelets',
    what: 'in one step API servers get an incoming leaf towards kubelets, and kubelets the bundle with both CAs, which is late',
    hold: { write: `${pki}/ca.crt`, on: 'all' },
    make: async (m) =>
      put([...(await pairAt(m, `${pki}/apiserver-kubelet-client`, m.incoming, ['client'])), { path: `${pki}/ca.crt`, text: m.ca.certificate + m.incoming.certificate }], {
        nodes: 'all',
      }),
  },
  {
    name: 'held-kubelet-conf',
    what: 'in one step the API server presents an incoming leaf, and kubelets get a kubelet.conf that trusts it, which is late',
    hold: { write: '/etc/kubernetes/kubelet.conf', on: 'all' },
    make: async (m) =>
      put(
        [
          ...(await pairAt(m, `${pki}/apiserver`, m.incoming, ['server'])),
          { path: '/etc/kubernetes/kubelet.conf', text: withCa(m.file('/etc/kubernetes/kubelet.conf', m.worker), m.incoming.certificate) },
        ],
        { nodes: 'all', restart: ['kubelet'] },
      ),
  },
  {
    name: 'held-volume-of-webhook',
    what: 'in one step the webhook gets an incoming leaf and its caBundle the incoming CA, and the volume of its Secret is late',
    hold: { kubeletOf: `${namespace}/webhook-` },
    make: async (m) => {
      const leaf = await issue({ subject: 'CN=webhook', names: [`DNS:webhook.${namespace}.svc`], usages: ['server'] }, m.incoming);
      const secret = { apiVersion: 'v1', kind: 'Secret', namespace, name: 'webhook-tls' };
      const bundle = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', name: webhookName, field: '/webhooks/0/clientConfig/caBundle' };
      const { files, steps } = await together(
        putObject({ ...secret, field: '/data/tls.key' }, leaf.key),
        putObject({ ...secret, field: '/data/tls.crt' }, leaf.certificate),
        putObject(bundle, m.incoming.certificate),
      );
      return { files, steps: [{ kind: 'put-objects', params: { objects: steps.flatMap(({ params }) => params?.objects as unknown[]) } }] };
    },
  },
  {
    name: 'held-server-leaf-of-etcd',
    what: 'in one step etcd gets leaves of an incoming CA of its own, and API servers and etcd trust both, the bundle of which is late',
    hold: { write: `${pki}/etcd/ca.crt`, on: 'control-planes' },
    make: async (m) => {
      const incoming = await issue({ subject: 'CN=etcd-ca-incoming', isCa: true });
      const current = m.file(`${pki}/etcd/healthcheck-client.crt`);
      const leaf = await leafLike(current, incoming, ['client'], { subject: subjectOf(current), names: namesOf(current) });
      return put(
        [
          { path: `${pki}/etcd/healthcheck-client.key`, text: leaf.key },
          { path: `${pki}/etcd/healthcheck-client.crt`, text: leaf.certificate },
          { path: `${pki}/etcd/ca.crt`, text: m.etcdCa.certificate + incoming.certificate },
        ],
        { nodes: 'control-planes', restart: ['etcd', 'kube-apiserver'] },
      );
    },
  },
];
