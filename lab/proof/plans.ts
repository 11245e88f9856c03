/** Plans made wrong on purpose, and some that only look wrong. Each is a few steps over the lab as it was made; certificates are made when the plan is run. */

import { createPublicKey } from 'node:crypto';
import { issue, namesOf, subjectOf } from './certificates.js';
import { clientOf, data, leafLike, pairAt, pki, put, putObject, together, withCa, withClient, type WrongPlan } from './plan-parts.js';
import { heldPlans } from './held-plans.js';
import { rotationPlans } from './rotation-plans.js';
import { apiServiceName, namespace, webhookName } from './subjects/manifests.js';

const copiedCa = { apiVersion: 'v1', kind: 'Secret', namespace, name: 'copied-ca', field: '/data/ca.pem' };
const serving = `${pki}/apiserver`;

const signingKey = (key: string): { path: string; text: string }[] => [
  { path: `${pki}/sa.key`, text: key },
  { path: `${pki}/sa.pub`, text: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString() },
];

export const plans: readonly WrongPlan[] = [
  {
    name: 'leaf-before-bundle',
    what: 'the API server presents a leaf of a CA that nobody trusts yet',
    make: async (m) => put(await pairAt(m, serving, m.incoming, ['server']), { nodes: 'control-planes' }),
  },
  {
    name: 'narrowed-too-soon',
    what: 'ca.crt of the control plane holds the incoming CA alone, while every client still presents the outgoing one',
    make: async (m) => put([{ path: `${pki}/ca.crt`, text: m.incoming.certificate }], { nodes: 'control-planes' }),
  },
  {
    name: 'worker-narrowed',
    what: 'ca.crt of a worker holds the incoming CA alone: its kubelet refuses the API server',
    make: async (m) => put([{ path: `${pki}/ca.crt`, text: m.incoming.certificate }], { nodes: 'workers' }),
  },
  {
    name: 'bundle-in-signing-flag',
    what: 'ca.crt becomes a bundle without the flags of the signer being split first',
    make: async (m) => put([{ path: `${pki}/ca.crt`, text: m.ca.certificate + m.incoming.certificate }], { nodes: 'control-planes' }),
  },
  {
    name: 'san-lost',
    what: 'the leaf of the API server is issued again without the address of its node',
    make: async (m) => {
      const names = namesOf(m.file(`${serving}.crt`)).filter((name) => !/^IP:10\.80\.0\.11$/.test(name));
      return put(await pairAt(m, serving, m.ca, ['server'], { names }), { nodes: 'control-planes' });
    },
  },
  {
    name: 'no-san',
    what: 'the leaf of the API server has a common name and no SAN at all',
    make: async (m) => put(await pairAt(m, serving, m.ca, ['server'], { names: [] }), { nodes: 'control-planes' }),
  },
  {
    name: 'wrong-usage-of-server',
    what: 'the leaf of the API server is for clients',
    make: async (m) => put(await pairAt(m, serving, m.ca, ['client']), { nodes: 'control-planes' }),
  },
  {
    name: 'not-yet-valid',
    what: 'the leaf of the API server begins in two days',
    make: async (m) => put(await pairAt(m, serving, m.ca, ['server'], { fromDays: 2 }), { nodes: 'control-planes' }),
  },
  {
    name: 'wrong-usage-towards-kubelets',
    what: 'the leaf that the API server shows kubelets is for servers',
    make: async (m) => put(await pairAt(m, `${pki}/apiserver-kubelet-client`, m.ca, ['server']), { nodes: 'control-planes' }),
  },
  {
    name: 'towards-kubelets-too-soon',
    what: 'the leaf that the API server shows kubelets is of the incoming CA, which they do not accept',
    make: async (m) => put(await pairAt(m, `${pki}/apiserver-kubelet-client`, m.incoming, ['client']), { nodes: 'control-planes' }),
  },
  {
    name: 'expired-etcd-client',
    what: 'the client certificate of etcdctl has expired',
    make: async (m) => put(await pairAt(m, `${pki}/etcd/healthcheck-client`, m.etcdCa, ['client'], { fromDays: -10, toDays: -1 }), { nodes: 'control-planes' }),
  },
  {
    name: 'controller-manager-conf-wrong',
    what: 'controller-manager.conf trusts the incoming CA alone, and nobody restarts: a time bomb',
    make: async (m) =>
      put([{ path: '/etc/kubernetes/controller-manager.conf', text: withCa(m.file('/etc/kubernetes/controller-manager.conf'), m.incoming.certificate) }], {
        nodes: 'control-planes',
      }),
  },
  {
    name: 'scheduler-conf-wrong',
    what: 'scheduler.conf trusts the incoming CA alone, and the scheduler is started anew',
    make: async (m) =>
      put([{ path: '/etc/kubernetes/scheduler.conf', text: withCa(m.file('/etc/kubernetes/scheduler.conf'), m.incoming.certificate) }], {
        nodes: 'control-planes',
        restart: ['kube-scheduler'],
        waits: false,
      }),
  },
  {
    name: 'kubelet-conf-wrong',
    what: 'kubelet.conf of the worker trusts the incoming CA alone, and nobody restarts',
    make: async (m) =>
      put([{ path: '/etc/kubernetes/kubelet.conf', text: withCa(m.file('/etc/kubernetes/kubelet.conf', m.worker), m.incoming.certificate) }], { nodes: 'workers' }),
  },
  {
    name: 'kubelet-batch-skipped',
    what: 'one kubelet trusts both CAs, the other was skipped, and then the API server presents the incoming one',
    make: async (m) =>
      together(
        put([{ path: '/etc/kubernetes/kubelet.conf', text: withCa(m.file('/etc/kubernetes/kubelet.conf'), m.ca.certificate + m.incoming.certificate) }], {
          nodes: 'control-planes',
          restart: ['kubelet'],
        }),
        put(await pairAt(m, serving, m.incoming, ['server']), { nodes: 'control-planes' }),
      ),
  },
  {
    name: 'kubelet-client-foreign',
    what: 'the worker has a client certificate of the incoming CA, which API servers do not accept, and is started anew',
    make: async (m) => {
      const path = '/var/lib/kubelet/pki/kubelet-client-current.pem';
      const leaf = await issue({ subject: `O=system:nodes, CN=system:node:${m.worker}`, usages: ['client'] }, m.incoming);
      return put([{ path, text: leaf.certificate + leaf.key }], { nodes: 'workers', restart: ['kubelet'] });
    },
  },
  {
    name: 'kubelet-serving-foreign',
    what: 'the worker presents a serving certificate of the incoming CA, and API servers verify with the outgoing one',
    make: async (m) => {
      const path = '/var/lib/kubelet/pki/kubelet-server-current.pem';
      const leaf = await leafLike(m.file(path, m.worker), m.incoming, ['server']);
      return put([{ path, text: leaf.certificate + leaf.key }], { nodes: 'workers', restart: ['kubelet'] });
    },
  },
  {
    name: 'admin-client-foreign',
    what: 'admin.conf has a client certificate of the incoming CA too soon',
    make: async (m) => {
      const text = m.file('/etc/kubernetes/admin.conf');
      return put([{ path: '/etc/kubernetes/admin.conf', text: withClient(text, await leafLike(clientOf(text), m.incoming, ['client'])) }], { nodes: 'control-planes' });
    },
  },
  {
    name: 'admin-expired-root',
    what: 'admin.conf trusts the CA in a form that has expired: same name, same key',
    make: async (m) => {
      const root = await issue({ subject: subjectOf(m.ca.certificate), isCa: true, key: m.ca.key, fromDays: -20, toDays: -1 });
      return put([{ path: '/etc/kubernetes/admin.conf', text: withCa(m.file('/etc/kubernetes/admin.conf'), root.certificate) }], { nodes: 'control-planes' });
    },
  },
  {
    name: 'webhook-bundle-forgotten',
    what: 'the caBundle of the webhook holds the incoming CA, and its leaf is of the outgoing one',
    make: (m) =>
      putObject(
        { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', name: webhookName, field: '/webhooks/0/clientConfig/caBundle' },
        m.incoming.certificate,
      ),
  },
  {
    name: 'aggregated-bundle-forgotten',
    what: 'the caBundle of the aggregated API holds the incoming CA; it stays "Available"',
    make: (m) => putObject({ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', name: apiServiceName, field: '/spec/caBundle' }, m.incoming.certificate),
  },
  {
    name: 'front-proxy-foreign',
    what: 'the leaf by which API servers call aggregated APIs is of another CA',
    make: async (m) => put(await pairAt(m, `${pki}/front-proxy-client`, m.incoming, ['client']), { nodes: 'control-planes' }),
  },
  {
    name: 'same-name-without-key-id',
    what: 'a copy of the CA holds another one of the same name first, and the leaf has no key identifier: Go finds its way',
    make: async (m) => {
      const other = await issue({ subject: subjectOf(m.ca.certificate), isCa: true, withoutIssuerKeyId: true });
      return together(
        putObject(copiedCa, other.certificate + m.ca.certificate),
        put([{ path: '/etc/kubernetes/admin.conf', text: withCa(m.file('/etc/kubernetes/admin.conf'), other.certificate + m.ca.certificate) }], { nodes: 'control-planes' }),
        put(await pairAt(m, serving, m.ca, ['server'], { withoutIssuerKeyId: true }), { nodes: 'control-planes' }),
      );
    },
  },
  {
    name: 'copied-ca-of-same-name',
    what: 'a copy of the CA is replaced by another one with the same name and another key',
    make: async (m) => putObject(copiedCa, (await issue({ subject: subjectOf(m.ca.certificate), isCa: true })).certificate),
  },
  {
    name: 'leaf-as-anchor',
    what: 'a copy of the CA is replaced by the very leaf of the API server, which Go takes as an anchor',
    make: (m) => putObject(copiedCa, m.file(`${serving}.crt`)),
  },
  {
    name: 'two-intermediates-of-one-root',
    what: 'the leaf of the API server hangs on the second intermediate of a root, and a copy has only the first',
    make: async (m) => {
      const root = await issue({ subject: 'CN=proof-root', isCa: true });
      const [one, two] = await Promise.all(['CN=proof-intermediate-1', 'CN=proof-intermediate-2'].map((subject) => issue({ subject, isCa: true }, root)));
      if (one === undefined || two === undefined) throw new Error('no intermediates');
      const leaf = await leafLike(m.file(`${serving}.crt`), two, ['server']);
      return together(
        putObject(copiedCa, one.certificate),
        put([{ path: '/etc/kubernetes/admin.conf', text: withCa(m.file('/etc/kubernetes/admin.conf'), root.certificate) }], { nodes: 'control-planes' }),
        put(
          [
            { path: `${serving}.key`, text: leaf.key },
            { path: `${serving}.crt`, text: leaf.certificate + two.certificate },
          ],
          { nodes: 'control-planes' },
        ),
      );
    },
  },
  {
    name: 'etcd-trust-replaced',
    what: 'etcd/ca.crt is replaced and nobody restarts: all that reads it once lives on',
    make: async () => put([{ path: `${pki}/etcd/ca.crt`, text: (await issue({ subject: 'CN=etcd-ca-2', isCa: true })).certificate }], { nodes: 'control-planes' }),
  },
  {
    name: 'etcd-server-without-client-usage',
    what: 'the serving pair of etcd loses its client usage, and with it the JSON gateway to itself',
    make: async (m) => put(await pairAt(m, `${pki}/etcd/server`, m.etcdCa, ['server']), { nodes: 'control-planes' }),
  },
  {
    name: 'half-a-pair',
    what: 'the key of the signer is replaced and its certificate is not',
    make: async (m) => put([{ path: `${pki}/ca.key`, text: m.incoming.key }], { nodes: 'control-planes' }),
  },
  {
    name: 'join-information-narrowed',
    what: 'cluster-info holds the incoming CA alone, and API servers present the outgoing one',
    make: async (m) => {
      const text = m.file('/etc/kubernetes/kubelet.conf');
      const server = /server: (\S+)/.exec(text)?.[1] ?? '';
      const info = `apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: ${data(m.incoming.certificate)}\n    server: ${server}\n  name: ""\ncontexts: null\ncurrent-context: ""\nkind: Config\npreferences: {}\nusers: null\n`;
      return putObject({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-public', name: 'cluster-info', field: '/data/kubeconfig' }, info);
    },
  },
  {
    name: 'published-before-anybody',
    what: 'kube-controller-manager is restarted with the incoming CA as its only bundle and publishes it',
    make: async (m) =>
      put(
        [
          { path: `${pki}/ca.crt`, text: m.incoming.certificate },
          { path: `${pki}/ca.key`, text: m.incoming.key },
        ],
        { nodes: 'control-planes', restart: ['kube-controller-manager'], waits: false },
      ),
  },
  {
    name: 'right-after-all',
    what: 'trust is widened where it is read at each use: nothing breaks',
    make: (m) => putObject(copiedCa, m.ca.certificate + m.incoming.certificate),
  },
  {
    name: 'signing-key-replaced',
    what: 'the key pair that signs tokens is replaced, and tokens of before are in use',
    newToken: true,
    make: async (m) => put(signingKey(m.incoming.key), { nodes: 'control-planes', restart: ['kube-apiserver', 'kube-controller-manager'] }),
  },
  {
    name: 'signing-key-unverified',
    what: 'API servers sign tokens with a key that they do not verify with',
    make: async (m) => put(signingKey(m.incoming.key).slice(0, 1), { nodes: 'control-planes', restart: ['kube-apiserver'], waits: false }),
  },
  ...heldPlans,
  ...rotationPlans,
];
