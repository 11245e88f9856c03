/** A small cluster as a trust graph, made by hand, and the proof of a plan for it: for the tests of pictures. */

import type { Edge, EdgeFinding, Input, PlaceChange, PlanProof, StepProof, TrustGraph, TrustProcess } from '../domain/trust/graph.js';
import type { PictureInput } from './input.js';
import type { Ca } from './picture.js';

export interface SampleSize {
  readonly controlPlanes: number;
  readonly workers: number;
  readonly podsPerWorker?: number;
}

const known: Readonly<Record<string, Ca>> = {
  out: { name: 'kubernetes', generation: 'outgoing' },
  in: { name: 'kubernetes-r1', generation: 'incoming' },
  etcd: { name: 'etcd-ca', generation: 'other' },
  proxy: { name: 'front-proxy-ca', generation: 'other' },
  self: { name: 'self-signed', generation: 'other' },
};

/** `leaf-of-out` is issued by `out`. */
export function sampleCaOf(certificate: string): Ca | undefined {
  return known[certificate.replace(/^leaf-of-/, '')];
}

/** As Kubernetes ends the names of pods. */
function suffix(n: number): string {
  const letters = 'bcdfghjklmnpqrstvwxz2456789';
  return [0, 1, 2, 3, 4].map((at) => letters[Math.floor(n / letters.length ** at) % letters.length]).join('');
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

export function sampleGraph({ controlPlanes, workers, podsPerWorker = 2 }: SampleSize): TrustGraph {
  const processes: TrustProcess[] = [];
  const inputs = new Map<string, Input>();
  const edges: Edge[] = [];
  const stored = new Map<string, readonly string[]>();
  const reads = (process: string, what: string, { place, content, policy, holds }: Omit<Input, 'id' | 'process'> & { readonly content: readonly string[] }): string => {
    const id = `${process} ${what}`;
    inputs.set(id, { id, process, place, policy, holds });
    if (!stored.has(place)) stored.set(place, content);
    return id;
  };
  const edge = (one: Omit<Edge, 'id' | 'rules'>): void => void edges.push({ ...one, rules: 'go', id: `${one.class} ${one.client} -> ${one.server} ${one.leg}` });
  const cps = numbers(controlPlanes).map((n) => `cp${n}`);
  const nodes = [...cps, ...numbers(workers).map((n) => `w${n}`)];
  const pki = '/etc/kubernetes/pki';
  const api = (cp: string) => {
    const id = `kube-apiserver@${cp}`;
    return {
      id,
      serving: reads(id, 'tls-cert-file', { place: `${cp}:${pki}/apiserver.crt`, content: ['leaf-of-out'], policy: 'hot', holds: 'leaf' }),
      trusts: reads(id, 'client-ca-file', { place: `${cp}:${pki}/ca.crt`, content: ['out'], policy: 'hot', holds: 'trust' }),
      toKubelets: reads(id, 'kubelet-client-certificate', { place: `${cp}:${pki}/apiserver-kubelet-client.crt`, content: ['leaf-of-out'], policy: 'polled', holds: 'leaf' }),
    };
  };
  const toApi = (cls: Edge['class'], client: string, { servers, ca, leaf }: { servers: readonly string[]; ca: string; leaf?: string }): void => {
    for (const cp of servers) {
      const { id, serving, trusts } = api(cp);
      edge({ class: cls, leg: 'server', client, server: id, presents: serving, verifies: ca, name: '10.0.0.10' });
      if (leaf !== undefined) edge({ class: cls, leg: 'client', client, server: id, presents: leaf, verifies: trusts });
    }
  };
  const kubeconfig = (process: string, host: string, path: string) => ({
    ca: reads(process, `${path} ca`, { place: `${host}:${path}#ca`, content: ['out'], policy: 'once', holds: 'trust' }),
    leaf: reads(process, `${path} client`, { place: `${host}:${path}#client`, content: ['leaf-of-out'], policy: 'once', holds: 'leaf' }),
  });
  for (const cp of cps) {
    for (const name of ['kube-apiserver', 'etcd', 'kube-controller-manager', 'kube-scheduler'])
      processes.push({ id: `${name}@${cp}`, kind: 'component', node: cp, version: 'v1.34.1' });
    const etcd = `etcd@${cp}`;
    const { id } = api(cp);
    const etcdCa = reads(id, 'etcd-cafile', { place: `${cp}:${pki}/etcd/ca.crt`, content: ['etcd'], policy: 'once', holds: 'trust' });
    const etcdClient = reads(id, 'etcd-certfile', { place: `${cp}:${pki}/apiserver-etcd-client.crt`, content: ['leaf-of-etcd'], policy: 'per-handshake', holds: 'leaf' });
    const trusted = reads(etcd, 'trusted-ca-file', { place: `${cp}:${pki}/etcd/ca.crt`, content: ['etcd'], policy: 'once', holds: 'trust' });
    const serving = reads(etcd, 'cert-file', { place: `${cp}:${pki}/etcd/server.crt`, content: ['leaf-of-etcd'], policy: 'per-handshake', holds: 'leaf' });
    edge({ class: 'E1', leg: 'server', client: id, server: etcd, presents: serving, verifies: etcdCa });
    edge({ class: 'E1', leg: 'client', client: id, server: etcd, presents: etcdClient, verifies: trusted });
    for (const other of cps) {
      if (other === cp) continue;
      const peer = reads(etcd, 'peer-cert-file', { place: `${cp}:${pki}/etcd/peer.crt`, content: ['leaf-of-etcd'], policy: 'per-handshake', holds: 'leaf' });
      edge({ class: 'E2', leg: 'client', client: etcd, server: `etcd@${other}`, presents: peer, verifies: `etcd@${other} trusted-ca-file` });
      edge({ class: 'E2', leg: 'server', client: etcd, server: `etcd@${other}`, presents: `etcd@${other} cert-file`, verifies: trusted });
    }
    toApi('E5', `kube-controller-manager@${cp}`, { servers: [cp], ...kubeconfig(`kube-controller-manager@${cp}`, cp, '/etc/kubernetes/controller-manager.conf') });
    toApi('E6', `kube-scheduler@${cp}`, { servers: [cp], ...kubeconfig(`kube-scheduler@${cp}`, cp, '/etc/kubernetes/scheduler.conf') });
    for (const file of ['admin.conf', 'super-admin.conf']) {
      const admin = `kubeconfig ${cp}:/etc/kubernetes/${file}`;
      processes.push({ id: admin, kind: 'kubeconfig', node: cp });
      toApi('E9', admin, { servers: cps, ...kubeconfig(admin, cp, `/etc/kubernetes/${file}`) });
    }
  }
  const pod = (id: string, cls: Edge['class'], node: string): void => {
    processes.push({ id, kind: 'pod', node });
    toApi(cls, id, { servers: cps, ca: reads(id, 'ca.crt', { place: 'ConfigMap kube-system/kube-root-ca.crt /data/ca.crt', content: ['out'], policy: 'once', holds: 'trust' }) });
  };
  for (const node of nodes) {
    const kubelet = `kubelet@${node}`;
    processes.push({ id: kubelet, kind: 'component', node, version: 'v1.34.1' });
    toApi('E7', kubelet, { servers: cps, ...kubeconfig(kubelet, node, '/etc/kubernetes/kubelet.conf') });
    const clientCa = reads(kubelet, 'clientCAFile', { place: `${node}:${pki}/ca.crt`, content: ['out'], policy: 'hot', holds: 'trust' });
    const serving = reads(kubelet, 'tlsCertFile', { place: `${node}:/var/lib/kubelet/pki/kubelet.crt`, content: ['leaf-of-self'], policy: 'memory', holds: 'leaf' });
    for (const cp of cps) {
      edge({ class: 'E13', leg: 'server', client: api(cp).id, server: kubelet, presents: serving });
      edge({ class: 'E13', leg: 'client', client: api(cp).id, server: kubelet, presents: api(cp).toKubelets, verifies: clientCa });
    }
    pod(`pod kube-system/kube-proxy-${node}`, 'E10', node);
    for (const n of node.startsWith('w') ? numbers(podsPerWorker) : []) pod(`pod default/web-668d6bf9bc-${suffix(nodes.indexOf(node) * podsPerWorker + n)}`, 'E11', node);
  }
  const hook = { id: 'webhook policy.example.org', serving: '' };
  processes.push({ id: hook.id, kind: 'served' }, { id: 'rotate-ca', kind: 'engine' }, { id: 'joining nodes', kind: 'outside' });
  hook.serving = reads(hook.id, 'serving', { place: 'Secret policy/tls /data/tls.crt', content: ['leaf-of-out'], policy: 'volume', holds: 'leaf' });
  const engine = reads('rotate-ca', 'client', { place: 'rotate-ca#client', content: ['leaf-of-out'], policy: 'per-use', holds: 'leaf' });
  toApi('E25', 'joining nodes', {
    servers: cps,
    ca: reads('joining nodes', 'ca', { place: 'ConfigMap kube-public/cluster-info /data/kubeconfig', content: ['out'], policy: 'per-use', holds: 'trust' }),
  });
  for (const cp of cps) {
    const bundle = reads(api(cp).id, 'caBundle policy', {
      place: 'ValidatingWebhookConfiguration policy.example.org /webhooks/0/clientConfig/caBundle',
      content: ['out'],
      policy: 'watched',
      holds: 'trust',
    });
    edge({ class: 'E17', leg: 'server', client: api(cp).id, server: hook.id, presents: hook.serving, verifies: bundle });
    edge({ class: 'E27', leg: 'client', client: 'rotate-ca', server: api(cp).id, presents: engine, verifies: api(cp).trusts });
  }
  return {
    processes,
    inputs: [...inputs.values()],
    edges,
    state: { stored, loaded: new Map() },
    published: [],
    unseen: ['Kubeconfigs outside of the cluster: hand them both CAs.'],
  };
}

const both = ['out', 'in'];
const outgoing = ['out'];
const incoming = ['in'];
const leaves = { outgoing: ['leaf-of-out'], incoming: ['leaf-of-in'] } as const;

const named = (content: readonly string[]): string[] =>
  content.map((id) => {
    const { name, generation } = sampleCaOf(id) ?? { name: id, generation: 'other' };
    return `${name} (${generation})`;
  });

/** Trust both, restart, issue anew, trust one; the last narrows the bundle of the first worker before its time, which breaks. */
export function sampleProof(graph: TrustGraph): PlanProof {
  const places = (test: RegExp): string[] => [...graph.state.stored.keys()].filter((place) => test.test(place));
  const change = (test: RegExp, before: readonly string[], after: readonly string[]): PlaceChange[] =>
    places(test).map((place) => ({ place, sign: '~', before: named(before), after: named(after), content: after }));
  const edges = (test: RegExp): string[] => graph.edges.map(({ id }) => id).filter((id) => test.test(id));
  const processes = (test: RegExp): string[] => graph.processes.map(({ id }) => id).filter((id) => test.test(id));
  const found = (test: RegExp, finding: Omit<EdgeFinding, 'edge'>): EdgeFinding[] => edges(test).map((edge) => ({ edge, ...finding }));
  const step = (name: string, parts: Partial<StepProof>): StepProof => ({ step: name, changes: [], restarts: [], findings: [], ...parts });
  const restart = (test: RegExp, because: string) => processes(test).map((process) => ({ process, because, done: true, needed: true }));
  const hosts = [...new Set(graph.processes.flatMap(({ node }) => node ?? []))];
  return {
    before: [],
    verdicts: {},
    policies: { proved: 0, modelled: [] },
    unseen: [],
    steps: [
      step('servers-trust-both', { changes: change(/pki\/ca\.crt$/, outgoing, both) }),
      ...hosts.slice(0, 3).map((host, n) =>
        step(`control-plane-trusts-both/${n + 1}`, {
          changes: change(new RegExp(`^${host}:/etc/kubernetes/(controller-manager|scheduler|admin|super-admin)\\.conf#ca$`), outgoing, both),
          restarts: restart(new RegExp(`^kube-(controller-manager|scheduler)@${host}$`), 'the CA of its kubeconfig is read once, and it has changed'),
          findings: found(new RegExp(`^E[56] \\S+@${host} `), { verdict: 'blip', why: 'It is started anew.', forMs: 4_000 }),
        }),
      ),
      step('kubelets-trust-both', {
        changes: change(/kubelet\.conf#ca$/, outgoing, both),
        restarts: restart(/^kubelet@/, 'the CA of kubelet.conf is read once, and it has changed'),
        findings: found(/^E(7|13) /, { verdict: 'blip', why: 'The kubelet is started anew.', forMs: 3_000 }),
      }),
      step('api-servers-present-incoming', {
        changes: change(/apiserver(-kubelet-client)?\.crt$/, leaves.outgoing, leaves.incoming),
        findings: found(/^E1[01] .* server$/, {
          verdict: 'latent',
          why: 'The pod has loaded the outgoing CA alone; the API server presents a leaf of the incoming one when it reconnects.',
          nextAction: 'Roll the workloads first.',
        }),
      }),
      step('roll-workloads', { healed: edges(/^E1[01] .* server$/) }),
      step('distrust-outgoing', {
        changes: change(/^w1:.*pki\/ca\.crt$/, both, incoming),
        findings: found(/^E13 .*kubelet@w1 client$/, {
          verdict: 'break',
          why: 'kubelet@w1 trusts the incoming CA alone; kube-apiserver presents a leaf of the outgoing one.',
          nextAction: 'Issue apiserver-kubelet-client anew before the bundle is narrowed.',
        }),
      }),
    ],
  };
}

export function sampleInput(size: SampleSize): PictureInput {
  const graph = sampleGraph(size);
  return { title: `${size.controlPlanes + size.workers} nodes`, graph, proof: sampleProof(graph), caOf: sampleCaOf };
}
