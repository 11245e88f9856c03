/** Taken back from just before distrust, after a node has joined with a certificate of the incoming CA: all as before. */

import { X509Certificate } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { kubeconfigOf } from '../../lab/access/people.js';
import { runCommand } from '../../lab/command.js';
import { copyAdminKubeconfig } from '../../lab/cluster/admin-access.js';
import type { Lab } from '../../lab/lab.js';
import { belongsTo, certificatesIn, readKubeconfig } from '../../lab/tests/certificates.js';
import { holderEdges } from '../../lab/probes/mounted-volume.js';
import { formatSummary } from '../../lab/probes/summary.js';
import { describeMachine, feltOf, nothingFelt, type Probed, startClients } from '../../lab/tests/clients.js';
import { curl } from '../../lab/tests/curl.js';
import { freshLab } from '../../lab/tests/fresh-lab.js';
import { incomingClientLeaf, incomingIssuer, issuersInVault } from '../../lab/tests/incoming-ca.js';
import { joinWorker } from '../../lab/tests/join-worker.js';
import { logsAndExecOn } from '../../lab/tests/logs-and-exec.js';
import { changesOf, type Manifest, manifestsOf } from '../../lab/tests/manifest.js';
import { asRoot, onEach } from '../../lab/tests/node-script.js';
import { newOperator } from '../../lab/tests/operator.js';
import type { Ended } from '../../lab/tests/program.js';
import { serverProcesses } from '../../lab/tests/server-processes.js';
import { sweepFor } from '../../lab/tests/sweep.js';
import { feltUntilNow, readCounters } from '../../lab/workloads/counters.js';
import type { FeltVerdict } from '../../lab/workloads/felt-verdict.js';

interface TakenBack {
  readonly lab: Lab;
  readonly joined: string;
  readonly folder: string;
  readonly forward: readonly Ended[];
  readonly back: Ended;
  readonly incomingPem: string;
  /** Issuer of the leaf of the joined node while the incoming CA signed. */
  readonly joinedLeafPem: string;
  readonly manifests: { readonly before: ReadonlyMap<string, Manifest>; readonly after: ReadonlyMap<string, Manifest> };
  readonly processes: { readonly before: ReadonlyMap<string, string>; readonly after: ReadonlyMap<string, string> };
  readonly felt: FeltVerdict;
  readonly oldAdmin: string;
  readonly probes: Probed;
}

/** A kubelet keeps the client certificates that it once got, under names with the time of their issue. */
const kubeletsOwn = /\/var\/lib\/kubelet\/pki\/kubelet-client-/;

let done: TakenBack;

describe('taken back from the gate before distrust', () => {
  beforeAll(async () => {
    done = await goAndComeBack(await freshLab());
    console.log(
      `${formatSummary(done.probes.summary)}\n${describeMachine(done.probes)}\nto the gate: ${done.forward.map(({ seconds }) => `${seconds.toFixed(0)} s`).join(' + ')}; back: ${done.back.seconds.toFixed(0)} s`,
    );
  });

  it('waited at both gates', () => {
    expect(done.forward.map(({ code, failures }) => ({ code, failures }))).toEqual([
      { code: 3, failures: [] },
      { code: 3, failures: [] },
    ]);
  });

  it('had a node join with a certificate of the incoming CA', () => {
    expect(belongsTo(new X509Certificate(done.incomingPem), new X509Certificate(done.joinedLeafPem))).toBe(true);
  });

  it('ends as taken back', () => {
    expect({ code: done.back.code, failures: done.back.failures }).toEqual({ code: 4, failures: [] });
  });

  it('has every file as before, byte for byte, but for what kubelets keep themselves', () => {
    expect(changesOf(done.manifests.before, done.manifests.after).filter((change) => !kubeletsOwn.test(change))).toEqual([]);
  });

  it('has left nothing of the run on any node', async () => {
    const left = await onEach(
      done.lab.nodes,
      async (node) =>
        (await asRoot(done.lab, node, 'ls -A /var/lib/rotate-ca 2>/dev/null; find /etc/kubernetes /var/lib/kubelet/pki -name "*rotate-ca*" -o -name "*.tmp*"')).stdout,
    );
    expect([...left.values()].join('')).toBe('');
  });

  it.each(['admin', 'alice', 'ci'])('lets the old credential of %s in', async (name) => {
    const kubeconfig = name === 'admin' ? done.oldAdmin : kubeconfigOf(done.lab, name);
    const answer = await runCommand(join(done.lab.paths.releaseBin, 'kubectl'), ['--kubeconfig', kubeconfig, 'get', 'pods', '-n', 'felt', '-o', 'name'], { allowFailure: true });
    expect({ code: answer.code, stderr: answer.stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('keeps the joined node: Ready, with a leaf of the outgoing CA, reached by logs and exec', async () => {
    const { stdout } = await done.lab.kubectl(['get', 'node', done.joined, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}']);
    expect(stdout).toBe('True');
    const leaf = await asRoot(done.lab, done.joined, 'cat /var/lib/kubelet/pki/kubelet-client-current.pem');
    expect(belongsTo(outgoing(), new X509Certificate(leaf.stdout))).toBe(true);
    const trust = await asRoot(done.lab, done.joined, 'cat /etc/kubernetes/pki/ca.crt');
    expect(certificatesIn(trust.stdout).map(({ fingerprint256 }) => fingerprint256)).toEqual([outgoing().fingerprint256]);
    expect(await logsAndExecOn(done.lab, done.joined)).toEqual({ logs: 'ok', exec: 'ok' });
  });

  it('has every node Ready', async () => {
    const { stdout } = await done.lab.kubectl(['get', 'nodes', '-o', 'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}']);
    expect(stdout.trim()).toBe(
      done.lab.nodes
        .map(({ name }) => `${name}=True`)
        .sort()
        .join(' '),
    );
  });

  it('keeps the workloads alive', () => {
    expect({ unrecovered: done.felt.unrecovered, vanished: done.felt.vanished }).toEqual({ unrecovered: [], vanished: [] });
  });

  it('fails no probe, on the way there and back', () => {
    expect(feltOf(done.probes)).toEqual(nothingFelt);
  });

  it('restarts no API server and no etcd', () => {
    expect(done.processes.after).toEqual(done.processes.before);
  });

  it('has the incoming CA in no file, no object and not in Vault', async () => {
    const { found } = await sweepFor(done.lab, new X509Certificate(done.incomingPem));
    expect(found.filter((where) => !kubeletsOwn.test(where))).toEqual([]);
    expect(await issuersInVault(done.lab)).toEqual([]);
  });

  it('refuses a leaf of the incoming CA at every API server', async () => {
    const files = { caFile: join(done.folder, 'outgoing-ca.pem'), certFile: join(done.folder, 'incoming-admin.crt'), keyFile: join(done.folder, 'incoming-admin.key') };
    const answers = await Promise.all(done.lab.controlPlanes.map(({ ip }) => curl({ url: `https://${ip}:6443/api/v1/namespaces/kube-system/pods?limit=1`, ...files })));
    expect(answers).toEqual(done.lab.controlPlanes.map(() => ({ status: 401, exit: 0 })));
  });
});

function outgoing(): X509Certificate {
  return new X509Certificate(readKubeconfig(done.oldAdmin).caPem);
}

async function goAndComeBack(lab: Lab): Promise<TakenBack> {
  const operator = await newOperator(lab, 'rolled-back');
  const { folder } = operator;
  const oldAdmin = join(folder, 'admin-of-before.kubeconfig');
  copyFileSync(lab.paths.adminKubeconfig, oldAdmin);
  writeFileSync(join(folder, 'outgoing-ca.pem'), readKubeconfig(oldAdmin).caPem);
  const manifestsBefore = await manifestsOf(lab);
  const processesBefore = await serverProcesses(lab);
  const feltBefore = await readCounters(lab);
  const clients = await startClients(lab, folder);
  const { file, plan } = await operator.plan('back', { accept: [holderEdges] });

  const toFirstGate = await operator.run(['run', file, '--no-input']);
  if (toFirstGate.code !== 3) throw new Error(`the run did not come to its first gate: ${toFirstGate.said} ${JSON.stringify(toFirstGate.failures)}`);
  // The gate asks it of the owners of clients outside. Nobody who trusts the outgoing CA only is left from here on.
  const owners = clients.milestones(plan);
  await owners['hand-off of the clients outside']?.act();
  const toSecondGate = await operator.run(['approve', '--gate', 'signer-switch', '--no-input']);
  if (toSecondGate.code !== 3) throw new Error(`the run did not come to its second gate: ${toSecondGate.said} ${JSON.stringify(toSecondGate.failures)}`);

  const incomingPem = (await incomingIssuer(lab)).certificatePem;
  await incomingClientLeaf(lab, { subject: '/O=system:masters/CN=kept-from-the-run', folder, name: 'incoming-admin' });
  await copyAdminKubeconfig(lab);
  const grown = await joinWorker(lab);
  const joinedLeafPem = (await asRoot(grown.lab, grown.node, 'cat /var/lib/kubelet/pki/kubelet-client-current.pem')).stdout;

  const back = await operator.run(['rollback', '--yes', '--no-input']);
  const probes = await clients.end();
  await copyAdminKubeconfig(grown.lab);
  const felt = await feltUntilNow(grown.lab, feltBefore);
  return {
    lab: grown.lab,
    joined: grown.node,
    folder,
    forward: [toFirstGate, toSecondGate],
    back,
    incomingPem,
    joinedLeafPem,
    manifests: { before: manifestsBefore, after: await manifestsOf(lab) },
    processes: { before: processesBefore, after: await serverProcesses(lab) },
    felt,
    oldAdmin,
    probes,
  };
}
