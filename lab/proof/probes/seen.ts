/** What can be seen of a cluster after all of its connections were cut: facts, collected in a few round trips; what they mean for an edge is said in edges.ts. */

import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from '../../command.js';
import { apiEndpoint } from '../../lab.js';
import type { Answer, Prober, Tried } from '../prober.js';
import type { Place } from './place.js';
import { trySigner } from './signed.js';
import { apiServiceName, namespace } from '../subjects/manifests.js';

/** A client that was made to connect anew. */
export interface ClientSeen {
  /** Lines of its log since the cut that speak of certificates or of a refusal. */
  readonly complaints: readonly string[];
  /** It did something at the API since the cut: its lease was renewed, or it holds a connection. */
  readonly isThrough: boolean;
}

export interface Seen {
  readonly clients: ReadonlyMap<string, ClientSeen>;
  /** By a name of ours: `kubectl pcp1:/etc/kubernetes/admin.conf`. */
  readonly tries: ReadonlyMap<string, Tried>;
  readonly answers: ReadonlyMap<string, Answer>;
}

/** Ends every connection to an API server, to etcd and to kubelets from the server's side, so that each client must connect anew. */
export async function cut(prober: Prober): Promise<number> {
  const script = `for p in 6443 2379 10250; do ss -K -tn "sport = :$p" >/dev/null 2>&1; done; date +%s%3N`;
  const times = await Promise.all(prober.lab.nodes.map(async ({ name }) => Number((await prober.on(name, script)).stdout.trim())));
  return Math.max(...times);
}

const complaint = 'x509|Unauthorized|tls: |bad certificate|unknown certificate|certificate required|asked for the client to provide credentials';

/** Complaints in the logs of every pod of a node and of its kubelet since a time; and which pods hold a connection to the API. */
function nodeScript(sinceMs: number): string {
  const since = new Date(sinceMs).toISOString();
  return `
for d in /var/log/pods/*; do
  find "$d" -name '*.log' -newermt '@${Math.floor(sinceMs / 1000) - 1}' -exec cat {} + 2>/dev/null | awk -v s='${since.slice(0, 23)}' 'substr($1, 1, 23) > s' | grep -E '${complaint}' | tail -n 40 | sed "s|^|L \${d##*/} |"
done
journalctl -u kubelet --since '@${Math.ceil(sinceMs / 1000)}' --no-pager -o cat 2>/dev/null | grep -E '${complaint}' | tail -n 60 | sed 's|^|K |'
self=$(readlink /proc/1/ns/net)
for p in /proc/[0-9]*; do
  ns=$(readlink $p/ns/net 2>/dev/null) || continue
  [ "$ns" = "$self" ] && continue
  case " $seen " in *" $ns "*) continue;; esac
  seen="$seen $ns"
  ip=$(nsenter -t \${p#/proc/} -n ip -4 -o addr show scope global 2>/dev/null | awk '{print $4; exit}')
  n=$(nsenter -t \${p#/proc/} -n ss -tnH state established '( dport = :443 or dport = :6443 )' 2>/dev/null | wc -l)
  echo "C \${ip%/*} $n"
done
# kube-proxy is on the node's own network.
for p in $(pgrep -x kube-proxy); do ss -tnpH state established dport = :6443 | grep -c "pid=$p," | sed 's|^|P |'; done
true`;
}

/** What kubectl, as a client written in Go, says with these: the server's certificate is verified by it, whoever it is. */
const kubectlWith = (args: string): string => `kubectl ${args} --request-timeout=8s get --raw /version 2>&1`;

/** With TLS 1.2 a server refuses a certificate within the handshake: with 1.3 it hangs up later, and curl may not get to read why. */
const curlAs = (certificate: string, key: string, url: string, more = ''): string =>
  `o=$(mktemp); curl -sk --tls-max 1.2 -m 10 --cert ${certificate} --key ${key} ${more} -o $o -w '%{http_code} %{errormsg}' ${url}; echo; head -c 600 $o 2>/dev/null; rm -f $o`;

/** Takes the pair of a kubeconfig apart, into $d. */
const pairOf = (path: string): string =>
  `d=$(mktemp -d); for k in certificate key; do sed -n "s/^ *client-$k-data: //p" ${path} | head -n 1 | base64 -d > $d/$k; [ -s $d/$k ] || cp "$(sed -n "s/^ *client-$k: //p" ${path} | head -n 1)" $d/$k; done`;

async function trySeveral(prober: Prober, node: string, scripts: ReadonlyMap<string, string>): Promise<[string, Tried][]> {
  const text = [...scripts.values()].map((script, n) => `echo "=== ${n}"; ( ${script}\n ); echo; echo "--- $?"`).join('\n');
  const { stdout } = await prober.on(node, text, 180_000);
  const parts = stdout.split(/^=== \d+$/m).slice(1);
  return [...scripts.keys()].map((name, n) => {
    const part = parts[n] ?? '';
    return [name, { code: 0, text: part.replace(/^--- \d+$/m, '').trim() }];
  });
}

const etcdPki = '/etc/kubernetes/pki/etcd';
const pki = '/etc/kubernetes/pki';

function controlPlaneTries(prober: Prober, place: Place, bundles: ReadonlyMap<string, string>): Map<string, string> {
  const tries = new Map<string, string>();
  const { apiServer } = prober;
  for (const { path } of place.kubeconfigs) {
    tries.set(`kubectl ${path}`, kubectlWith(`--kubeconfig=${path}`));
    tries.set(`client ${path}`, `${pairOf(path)}; ${curlAs('$d/certificate', '$d/key', `${apiServer}/api`)}; rm -rf $d`);
  }
  for (const name of ['controller-manager', 'scheduler', 'kubelet']) {
    tries.set(`client /etc/kubernetes/${name}.conf`, `${pairOf(`/etc/kubernetes/${name}.conf`)}; ${curlAs('$d/certificate', '$d/key', `${apiServer}/api`)}; rm -rf $d`);
  }
  for (const [name, pem] of bundles) {
    tries.set(
      `bundle ${name}`,
      `f=$(mktemp); cat > $f <<'PEM'\n${pem}\nPEM\n${kubectlWith(`--kubeconfig=/dev/null --server=https://${apiEndpoint(prober.lab.layout)} --certificate-authority=$f --token=none`)}; rm -f $f`,
    );
  }
  const etcd = 'https://127.0.0.1:2379';
  tries.set('etcd as kube-apiserver', curlAs(`${pki}/apiserver-etcd-client.crt`, `${pki}/apiserver-etcd-client.key`, `${etcd}/version`));
  tries.set('etcd as itself', curlAs(`${etcdPki}/server.crt`, `${etcdPki}/server.key`, `${etcd}/version`));
  tries.set('etcd as etcdctl', curlAs(`${etcdPki}/healthcheck-client.crt`, `${etcdPki}/healthcheck-client.key`, `${etcd}/version`));
  tries.set(
    'etcdctl',
    `ETCDCTL_API=3 etcdctl --endpoints=${etcd} --cacert=${etcdPki}/ca.crt --cert=${etcdPki}/healthcheck-client.crt --key=${etcdPki}/healthcheck-client.key --dial-timeout=4s --command-timeout=5s endpoint health 2>&1`,
  );
  for (const { name, ip } of prober.lab.nodes) {
    tries.set(`kubelet ${name} as kube-apiserver`, curlAs(`${pki}/apiserver-kubelet-client.crt`, `${pki}/apiserver-kubelet-client.key`, `https://${ip}:10250/healthz`));
  }
  const wardle = place.pods.find(({ name }) => name.startsWith('wardle-'));
  tries.set(
    'wardle as front proxy',
    curlAs(
      `${pki}/front-proxy-client.crt`,
      `${pki}/front-proxy-client.key`,
      `https://${wardle?.ip ?? ''}:8443/apis`,
      "-H 'X-Remote-User: proof' -H 'X-Remote-Group: system:masters'",
    ),
  );
  tries.set('scheduler as admin', `${pairOf('/etc/kubernetes/admin.conf')}; ${curlAs('$d/certificate', '$d/key', 'https://127.0.0.1:10259/metrics')}; rm -rf $d`);
  return tries;
}

/** Copies of a CA in the API that somebody may hold. */
async function bundlesOf(prober: Prober): Promise<Map<string, string>> {
  const field = async (path: string, name: string): Promise<string> => {
    const { body } = await prober.ask(path);
    try {
      return String((JSON.parse(body) as { data?: Record<string, string> }).data?.[name] ?? '');
    } catch {
      return '';
    }
  };
  const decoded = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
  const info = await field('/api/v1/namespaces/kube-public/configmaps/cluster-info', 'kubeconfig');
  return new Map([
    ['cluster-info', decoded(/certificate-authority-data: (\S+)/.exec(info)?.[1] ?? '')],
    [`Secret ${namespace}/copied-ca /data/ca.pem`, decoded(await field(`/api/v1/namespaces/${namespace}/secrets/copied-ca`, 'ca.pem'))],
    [`Secret ${namespace}/legacy-token /data/ca.crt`, decoded(await field(`/api/v1/namespaces/${namespace}/secrets/legacy-token`, 'ca.crt'))],
  ]);
}

/** What was put in place a moment ago is read by then, where it is read without a restart. */
const readMs = 8_000;

/** Waits until clients have connected anew, and collects; what the probes do themselves needs not wait so long. */
export async function see(prober: Prober, place: Place, settleMs = 20_000): Promise<Seen> {
  const bundles = await bundlesOf(prober);
  const cutAtMs = await cut(prober);
  await sleep(readMs);
  const [answers, tries] = await Promise.all([askAll(prober), tryAll(prober, place, bundles), sleep(settleMs - readMs)]);
  return { clients: await clientsSeen(prober, place, cutAtMs), tries, answers };
}

async function askAll(prober: Prober): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>();
  const ask = async (name: string, path: string, options?: Parameters<Prober['ask']>[1]): Promise<void> => void answers.set(name, await prober.ask(path, options));
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'seen-', namespace, labels: { proof: 'seen' } } };
  await ask('readyz', '/readyz?verbose');
  await ask('webhook', `/api/v1/namespaces/${namespace}/configmaps?dryRun=All`, { method: 'POST', body: configMap });
  await ask('apiservice', `/apis/${apiServiceName.replace('v1alpha1.', '')}/v1alpha1/flunders`);
  for (const { name } of prober.lab.nodes) await ask(`kubelet ${name}`, `/api/v1/nodes/${name}/proxy/healthz`);
  const secret = await prober.ask(`/api/v1/namespaces/${namespace}/secrets/legacy-token`);
  if (secret.status === 200) {
    const token = Buffer.from((JSON.parse(secret.body) as { data: { token: string } }).data.token, 'base64').toString('utf8');
    await ask('legacy token', `/api/v1/namespaces/${namespace}/configmaps?limit=1`, { token });
  }
  const bound = await prober.ask(`/api/v1/namespaces/${namespace}/serviceaccounts/client/token`, { method: 'POST', body: { spec: {} } });
  if (bound.status === 201)
    await ask('bound token', `/api/v1/namespaces/${namespace}/configmaps?limit=1`, { token: (JSON.parse(bound.body) as { status: { token: string } }).status.token });
  return answers;
}

async function tryAll(prober: Prober, place: Place, bundles: ReadonlyMap<string, string>): Promise<Map<string, Tried>> {
  const first = prober.lab.controlPlanes[0]?.name ?? '';
  const [onFirst, engine, signed, ...others] = await Promise.all([
    trySeveral(prober, first, controlPlaneTries(prober, place, bundles)),
    asEngine(prober),
    trySigner(prober),
    ...prober.lab.workers.map(async ({ name }) => {
      const client = `${pairOf('/etc/kubernetes/kubelet.conf')}; ${curlAs('$d/certificate', '$d/key', `${prober.apiServer}/api`)}; rm -rf $d`;
      return (await trySeveral(prober, name, new Map([['client', client]]))).map(([key, tried]): [string, Tried] => [`${key} ${name} kubelet.conf`, tried]);
    }),
    ...place.pods
      .filter(({ id }) => id.startsWith(`pod ${namespace}/client-`) || id.startsWith(`pod ${namespace}/webhook-`))
      .map(async ({ id, node, ip }) =>
        (await trySeveral(prober, node, new Map([['ask', `curl -s -m 10 http://${ip}:8080/`]]))).map(([, tried]): [string, Tried] => [`asked ${id}`, tried]),
      ),
  ]);
  return new Map([...onFirst, ['engine', engine], ['signed', signed], ...others.flat()]);
}

/** With the kubeconfig that rotate-ca was given, which lies on this machine. */
async function asEngine({ lab, apiServer }: Prober): Promise<Tried> {
  const script = `umask 077; ${pairOf(lab.paths.adminKubeconfig)}; ${curlAs('$d/certificate', '$d/key', `${apiServer}/api`)}; rm -rf $d`;
  const { stdout } = await runCommand('sh', ['-s'], { input: script, allowFailure: true, timeoutMs: 30_000 });
  return { code: 0, text: stdout.trim() };
}

async function leaseAtMs(prober: Prober, namespaceOf: string, name: string): Promise<number> {
  const { status, body } = await prober.ask(`/apis/coordination.k8s.io/v1/namespaces/${namespaceOf}/leases/${name}`);
  return status === 200 ? Date.parse((JSON.parse(body) as { spec: { renewTime?: string } }).spec.renewTime ?? '') : 0;
}

async function clientsSeen(prober: Prober, place: Place, cutAtMs: number): Promise<Map<string, ClientSeen>> {
  const clients = new Map<string, ClientSeen>();
  for (const { name, role } of prober.lab.nodes) {
    const { stdout } = await prober.on(name, nodeScript(cutAtMs + 500), 90_000);
    const lines = stdout.split('\n');
    const logged = (pod: string): string[] => lines.filter((line) => line.startsWith(`L ${pod}`)).map((line) => line.slice(2));
    clients.set(`kubelet@${name}`, {
      complaints: lines.filter((line) => line.startsWith('K ')).map((line) => line.slice(2)),
      isThrough: (await leaseAtMs(prober, 'kube-node-lease', name)) > cutAtMs + 500,
    });
    for (const component of role === 'control-plane' ? (['kube-controller-manager', 'kube-scheduler', 'kube-apiserver', 'etcd'] as const) : []) {
      const hasLease = component === 'kube-controller-manager' || component === 'kube-scheduler';
      clients.set(`${component}@${name}`, {
        complaints: logged(`kube-system_${component}-${name}_`),
        isThrough: hasLease && (await leaseAtMs(prober, 'kube-system', component)) > cutAtMs + 500,
      });
    }
    for (const pod of place.pods.filter(({ node }) => node === name)) {
      const held = pod.isHostNetwork ? lines.find((line) => line.startsWith('P '))?.slice(2) : lines.find((line) => line.startsWith(`C ${pod.ip} `))?.split(' ')[2];
      clients.set(pod.id, { complaints: logged(`${pod.id.slice('pod '.length).replace('/', '_')}_`), isThrough: Number(held ?? 0) > 0 });
    }
  }
  return clients;
}
