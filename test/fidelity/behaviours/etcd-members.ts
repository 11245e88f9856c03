/** etcd: what its doors ask for, what it reads again, and the programs of its image. */

import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { Secret } from '../../../src/domain/secret.js';
import type { ClientCredential } from '../../../src/ports/tls-probe.js';
import type { Behaviour } from '../behaviour.js';
import { mustBeCalm, pidOf, restarterOf } from '../components.js';
import { caOfCluster, leafOf, newCa, pkiFolder } from '../credentials.js';
import { changeFile, textOf } from '../node-files.js';
import { askApi, fingerprintOf, servedBy } from '../questions.js';
import { mustBecome, until } from '../until.js';
import { callMs, controlPlane, type World, type WorldNode } from '../world.js';

const folder = `${pkiFolder}/etcd`;

/** Long enough for a refusal to arrive on a busy machine: with TLS 1.3 it comes after the client has finished its part. */
const refusalMs = 5_000;

/** Whether a connection with this certificate stays open after the handshake. */
async function askEtcd(world: World, node: WorldNode, credential: ClientCredential | undefined): Promise<'accepted' | 'refused'> {
  const ca = (await caOfCluster(world, 'etcd/ca')).certificatePem;
  const own = credential === undefined ? {} : { cert: credential.certificatePem, key: credential.key.reveal() };
  return new Promise((resolve) => {
    const socket = connect({ host: node.address, port: 2379, ca, ...own });
    const end = (answer: 'accepted' | 'refused') => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('error', end('refused')).on('close', end('refused')).resume();
    socket.once('secureConnect', () => setTimeout(end('accepted'), refusalMs));
  });
}

async function pairOn(world: World, node: WorldNode, name: string): Promise<ClientCredential> {
  const shell = world.shell(node.name);
  const certificatePem = await shell.must(`cat ${name}.crt`, { deadlineMs: callMs });
  return { certificatePem, key: new Secret(await shell.must(`cat ${name}.key`, { deadlineMs: callMs, secretOutput: true })) };
}

/** Finds the programs as the step back-up-cluster does: on the node, or below the root of the running container. */
const findTools = `if command -v etcdctl >/dev/null && command -v etcdutl >/dev/null; then p=""; else
for d in /proc/[0-9]*; do a=$(tr '\\0' '\\n' < $d/cmdline 2>/dev/null | head -n 1); [ "\${a##*/}" = etcd ] && [ -x $d/root/usr/local/bin/etcdctl ] && p=$d/root/usr/local/bin/ && break; done; fi`;

export const etcdMembers: readonly Behaviour[] = [
  {
    id: 'etcd-asks-for-a-certificate',
    rule: '0.3, 3.1 E1, 4.9: RequireAndVerifyClientCert at the handshake',
    title: 'etcd keeps connections of clients of its own CA, and ends those without a certificate or of another CA, that of the cluster too',
    area: 'etcd',
    disturbs: 'nothing',
    expected: { none: 'refused', clusterCa: 'refused', unknownCa: 'refused', own: 'accepted' },
    async run(world) {
      const node = controlPlane(world);
      return {
        none: await askEtcd(world, node, undefined),
        clusterCa: await askEtcd(world, node, await leafOf(await caOfCluster(world))),
        unknownCa: await askEtcd(world, node, await leafOf(await newCa('nobody'))),
        own: await askEtcd(world, node, await pairOn(world, node, `${folder}/healthcheck-client`)),
      };
    },
  },
  {
    id: 'etcd-reads-its-pair-at-each-handshake',
    rule: '0.2 HS, 4.9: server pairs are re-read on every handshake, trusted CAs only at start',
    title: 'A server pair that is replaced is presented at the very next handshake; a CA that is added to its trusted CAs is not trusted without a restart',
    area: 'etcd',
    disturbs: 'restores-itself',
    expected: { nextHandshake: 'the new pair', back: 'the pair of before', addedCa: 'refused', sameProcess: true, ready: 200 },
    async run(world, undo) {
      const node = controlPlane(world);
      const at = { host: node.address, port: 2379 };
      const pid = await pidOf(world, node.name, 'etcd');
      const before = await servedBy(world, at);
      const now = new X509Certificate(await textOf(world, node.name, `${folder}/server.crt`));
      const sans = (now.subjectAltName ?? '').split(', ').map((san) => san.replace(/^IP Address:/, 'IP:'));
      const pair = await leafOf(await caOfCluster(world, 'etcd/ca'), { commonName: node.name, sans, usages: ['serverAuth', 'clientAuth'] });
      // One script: in between, handshakes of others would meet a pair that does not match.
      const [oldCertificate, oldKey] = [await textOf(world, node.name, `${folder}/server.crt`), await textOf(world, node.name, `${folder}/server.key`)];
      const write = (certificatePem: string, keyPem: string) =>
        world.shell(node.name).must(
          `set -eu; umask 077; cd ${folder}; cat > .fidelity; sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' .fidelity > .fidelity.crt; sed -n '/PRIVATE KEY/,/PRIVATE KEY/p' .fidelity > .fidelity.key
chmod 0644 .fidelity.crt; mv -fT .fidelity.key server.key; mv -fT .fidelity.crt server.crt; rm -f .fidelity`,
          { deadlineMs: callMs, stdin: new Secret(`${certificatePem}${keyPem}`) },
        );
      undo.add('the pair of before', async () => void (await write(oldCertificate, oldKey)));
      await write(pair.certificatePem, pair.key.reveal().toString('utf8'));
      const nextHandshake = (await servedBy(world, at)) === fingerprintOf(pair.certificatePem) ? 'the new pair' : 'another';
      await write(oldCertificate, oldKey);
      const back = (await servedBy(world, at)) === before ? 'the pair of before' : 'another';
      const other = await newCa('fidelity-etcd');
      await changeFile(world, undo, { node: node.name, path: `${folder}/ca.crt` }, (text) => `${text}${other.certificatePem}`);
      await world.pass(2_000);
      const addedCa = await askEtcd(world, node, await leafOf(other));
      return { nextHandshake, back, addedCa, sameProcess: (await pidOf(world, node.name, 'etcd')) === pid, ready: (await askApi(world, node, { path: '/readyz' })).status };
    },
  },
  {
    id: 'etcd-snapshot-and-its-status',
    rule: 'step back-up-cluster: etcdctl snapshot save, etcdutl snapshot status -w simple',
    title: 'A snapshot can be taken with the healthcheck pair through the programs of the etcd image, and its status is hash, revision, keys, size, version of the storage',
    area: 'etcd',
    disturbs: 'restores-itself',
    expected: { status: 'HASH, N, N, SIZE, VERSION', isFile: true, wrongEndpoint: 'fails' },
    async run(world, undo) {
      const node = controlPlane(world);
      const shell = world.shell(node.name);
      const file = '/var/lib/fidelity-etcd.db';
      undo.add('the snapshot is removed', () => shell.removeFile(file, { deadlineMs: callMs }));
      const pair = `--cacert=${folder}/ca.crt --cert=${folder}/healthcheck-client.crt --key=${folder}/healthcheck-client.key`;
      const out = await shell.must(
        `set -eu; ${findTools}
rm -f ${file} ${file}.part; ETCDCTL_API=3 "\${p}etcdctl" --endpoints=https://127.0.0.1:2379 ${pair} snapshot save ${file} >/dev/null
"\${p}etcdutl" snapshot status ${file} -w simple; stat -c %s ${file}`,
        { deadlineMs: 60_000 },
      );
      const wrong = await shell.run(
        `${findTools}
timeout 10 "\${p}etcdctl" --endpoints=https://127.0.0.1:2999 --command-timeout=1s ${pair} snapshot save ${file}.wrong`,
        { deadlineMs: callMs },
      );
      await shell.run(`rm -f ${file}.wrong ${file}.wrong.part`, { deadlineMs: callMs });
      const [status = '', size = ''] = out.trim().split('\n');
      const form = status
        .split(', ')
        .map((part, i) =>
          i === 0 && /^[0-9a-f]{1,8}$/.test(part)
            ? 'HASH'
            : /^[1-9]\d*$/.test(part)
              ? 'N'
              : /^[\d.]+ [kM]?B$/.test(part)
                ? 'SIZE'
                : /^\d+\.\d+\.\d+$/.test(part)
                  ? 'VERSION'
                  : part,
        )
        .join(', ');
      return { status: form, isFile: Number(size) > 1000, wrongEndpoint: wrong.exitCode === 0 ? 'works' : 'fails' };
    },
  },
  {
    id: 'etcd-member-restart',
    rule: '6.22: an API server talks to the member of its own node; step restart-etcd',
    title: 'While a member is restarted the API server of its node is not ready and the others are; afterwards all are',
    area: 'etcd',
    disturbs: 'restores-itself',
    slow: true,
    expected: { own: 'went away', others: 'always ready', after: 200, otherProcess: true },
    async run(world, undo) {
      const node = controlPlane(world, 2);
      const other = controlPlane(world, 0);
      const ready = async (at: WorldNode): Promise<number> => {
        try {
          return (await world.kube.at(`https://${at.address}:6443`).get('/readyz/etcd', { deadlineMs: world.patience(5_000) })).status;
        } catch {
          return 0;
        }
      };
      const pid = (await mustBeCalm(world, node.name, 'etcd')).pid;
      const allReady = async (): Promise<void> => {
        await mustBecome(
          world,
          'the API server is ready',
          120_000,
          () => ready(node),
          (status) => status === 200,
        );
      };
      undo.add('its API server is ready', allReady);
      const restart = await restarterOf(world, undo, node.name, 'etcd');
      await restart();
      let others = 'always ready';
      const look = async (): Promise<number> => {
        if ((await ready(other)) !== 200) others = 'not always ready';
        return ready(node);
      };
      const went = await until(world, 60_000, look, (status) => status !== 200);
      await mustBecome(
        world,
        'a new member runs',
        90_000,
        () => pidOf(world, node.name, 'etcd'),
        (now) => now !== 0 && now !== pid,
      );
      const after = await until(world, 90_000, look, (status) => status === 200);
      return { own: went === 200 ? 'stayed ready' : 'went away', others, after, otherProcess: (await pidOf(world, node.name, 'etcd')) !== pid };
    },
  },
];
