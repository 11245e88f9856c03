/** etcdctl as its users on a node see it: a real handshake with the endpoints, answers in the words and forms of 3.6. */

import { createHash } from 'node:crypto';
import { etcdBundle, keyPair } from '../api/cert-files.js';
import { certPool } from '../api/verify-client.js';
import type { StagingContext } from '../component.js';
import type { CommandAnswer, CommandCall, StagingNode } from '../node/staging-node.js';
import { idOf, memberNodes, type MemberState } from './etcd-cluster.js';
import { bytesText, type CommandLine, failed, fileReader, pathOnNode, printed, readCommandLine, uint64 } from './command-line.js';
import { dial } from './tls-dial.js';

/** --command-timeout and --dial-timeout of etcdctl. */
const commandTimeoutMs = 5_000;
const leastWallMs = 2_000;
/** Quota of a kubeadm cluster: --quota-backend-bytes is not set. */
const quotaBytes = 2_147_483_648;

interface Endpoint {
  readonly text: string;
  readonly state: MemberState | undefined;
  readonly why: string;
  readonly tookMs: number;
}

/** `snapshot save`, `endpoint health`, `endpoint status`, `member list`, `version`; with --cacert, --cert, --key, --endpoints, --cluster, -w, or ETCDCTL_ variables. */
export async function answerEtcdctl(context: StagingContext, node: StagingNode, call: CommandCall): Promise<CommandAnswer> {
  const line = readCommandLine(call, 'ETCDCTL_');
  const [command = '', verb = '', argument = ''] = line.words;
  try {
    switch (`${command} ${verb}`.trim()) {
      case 'version':
        return { stdout: 'etcdctl version: 3.6.5\nAPI version: 3.6\n', stderr: '', exitCode: 0 };
      case 'endpoint health':
        return health(await endpointsOf(context, node, call, line), line);
      case 'endpoint status':
        return status(context, await endpointsOf(context, node, call, line), line);
      case 'member list':
        return await memberList(context, node, call, line);
      case 'snapshot save':
        return await save(context, node, call, line, argument);
      default:
        return failed(`unknown command "${line.words.join(' ')}" for "etcdctl"`, 1);
    }
  } catch (error) {
    // Certificate files that cannot be read: etcdctl ends before it connects.
    return failed(error instanceof Error ? error.message : String(error), 128);
  }
}

async function endpointsOf(context: StagingContext, node: StagingNode, call: CommandCall, line: CommandLine): Promise<Endpoint[]> {
  const given = (line.flags.endpoints ?? '127.0.0.1:2379').split(',');
  const all = line.flags.cluster === 'true' ? memberNodes(context).map(({ address }) => `https://${address}:2379`) : given;
  return Promise.all(all.map((text) => ask(context, node, call, line, text)));
}

/** Throws what ends etcdctl at once: files that are missing or broken. */
async function ask(context: StagingContext, node: StagingNode, call: CommandCall, line: CommandLine, text: string): Promise<Endpoint> {
  const started = Date.now();
  const read = fileReader(node, call);
  const { cacert, cert, key } = line.flags;
  const pool = certPool(cacert === undefined ? [] : etcdBundle(read(cacert).toString('utf8')));
  const pair = cert === undefined ? undefined : keyPair(read(cert), read(key ?? ''));
  const url = new URL(text.includes('://') ? text : `http://${text}`);
  const timeoutMs = Math.max(leastWallMs, commandTimeoutMs / context.clock.speed);
  const outcome = { text, tookMs: 0 };
  // Without TLS the member ends the connection at the first byte.
  if (url.protocol !== 'https:') return { ...outcome, state: undefined, why: 'context deadline exceeded' };
  const local = url.hostname === '127.0.0.1' || url.hostname === 'localhost';
  try {
    const socket = await dial({
      address: local ? node.address : url.hostname,
      port: Number(url.port === '' ? '2379' : url.port),
      host: url.hostname,
      localAddress: node.address,
      ...(pair === undefined ? {} : { pair: () => pair }),
      pool,
      nowMs: () => context.clock.now() + node.skewMs,
      timeoutMs,
    });
    const state = await new Promise<MemberState | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), timeoutMs);
      socket.once('data', (chunk) => {
        clearTimeout(timer);
        resolve(JSON.parse(chunk.toString('utf8').split('\n')[0] ?? '') as MemberState);
      });
      socket.once('close', () => {
        clearTimeout(timer);
        resolve(undefined);
      });
    });
    socket.destroy();
    return { ...outcome, state, why: 'context deadline exceeded', tookMs: Date.now() - started };
  } catch {
    // Whatever it was, the client tries again until its time is over, and tells that.
    return { ...outcome, state: undefined, why: 'context deadline exceeded', tookMs: Date.now() - started };
  }
}

function health(endpoints: readonly Endpoint[], line: CommandLine): CommandAnswer {
  const good = (one: Endpoint): boolean => one.state?.quorum === true;
  const all = endpoints.every(good);
  const stderr = all ? '' : 'Error: unhealthy cluster\n';
  const exitCode = all ? 0 : 1;
  if (line.flags.write === 'json') {
    const rows = endpoints.map((one) => ({ endpoint: one.text, health: good(one), took: `${one.tookMs}ms`, ...(good(one) ? {} : { error: one.why }) }));
    return { stdout: `${JSON.stringify(rows)}\n`, stderr, exitCode };
  }
  const text = endpoints.map((one) =>
    good(one) ? `${one.text} is healthy: successfully committed proposal: took = ${one.tookMs}ms\n` : `${one.text} is unhealthy: failed to commit proposal: ${one.why}\n`,
  );
  const of = (isGood: boolean): string => text.filter((_, i) => good(endpoints[i] as Endpoint) === isGood).join('');
  return { stdout: of(true), stderr: `${of(false)}${stderr}`, exitCode };
}

function status(context: StagingContext, endpoints: readonly Endpoint[], line: CommandLine): CommandAnswer {
  const bytes = Buffer.byteLength(context.store.dump());
  const answered = endpoints.filter((one): one is Endpoint & { state: MemberState } => one.state !== undefined);
  const unanswered = endpoints.filter((one) => one.state === undefined);
  const stderr = unanswered.map((one) => `Failed to get the status of endpoint ${one.text} (${one.why})\n`).join('');
  const exitCode = unanswered.length === 0 ? 0 : 1;
  if (line.flags.write === 'json') {
    const rows = answered.map(({ text, state }) => {
      const header = `{"cluster_id":${uint64(state.clusterId)},"member_id":${uint64(state.memberId)},"revision":${state.revision},"raft_term":${state.term}}`;
      const raft = `"leader":${uint64(state.leader)},"raftIndex":${state.revision + 4},"raftTerm":${state.term},"raftAppliedIndex":${state.revision + 4}`;
      const errors = state.leader === '0' ? ',"errors":["etcdserver: no leader"]' : '';
      return `{"Endpoint":${JSON.stringify(text)},"Status":{"header":${header},"version":"${state.version}","dbSize":${bytes},${raft},"dbSizeInUse":${bytes},"storageVersion":"3.6.0","dbSizeQuota":${quotaBytes},"downgradeInfo":{}${errors}}}`;
    });
    return { stdout: `[${rows.join(',')}]\n`, stderr, exitCode };
  }
  const header = [
    'ENDPOINT',
    'ID',
    'VERSION',
    'STORAGE VERSION',
    'DB SIZE',
    'IN USE',
    'PERCENTAGE NOT IN USE',
    'QUOTA',
    'IS LEADER',
    'IS LEARNER',
    'RAFT TERM',
    'RAFT INDEX',
    'RAFT APPLIED INDEX',
    'ERRORS',
    'DOWNGRADE TARGET VERSION',
    'DOWNGRADE ENABLED',
  ];
  const rows = answered.map(({ text, state }) => {
    const index = String(state.revision + 4);
    const isLeader = String(state.leader === state.memberId);
    const size = bytesText(bytes);
    return [
      text,
      state.memberId,
      state.version,
      '3.6.0',
      size,
      size,
      '0%',
      bytesText(quotaBytes),
      isLeader,
      'false',
      String(state.term),
      index,
      index,
      state.leader === '0' ? 'etcdserver: no leader' : '',
      '',
      'false',
    ];
  });
  return { stdout: printed(line.flags.write, header, rows), stderr, exitCode };
}

async function memberList(context: StagingContext, node: StagingNode, call: CommandCall, line: CommandLine): Promise<CommandAnswer> {
  const [first] = await endpointsOf(context, node, call, line);
  // The list is read with a quorum.
  if (first?.state?.quorum !== true) return failed(first?.state === undefined ? 'context deadline exceeded' : 'etcdserver: request timed out', 1);
  const members = memberNodes(context).map(({ name, address }) => ({
    id: idOf(`${context.spec.uid} ${name}`),
    name,
    peer: `https://${address}:2380`,
    client: `https://${address}:2379`,
  }));
  if (line.flags.write === 'json') {
    const { clusterId, memberId, term } = first.state;
    const rows = members.map((one) => `{"ID":${uint64(one.id)},"name":"${one.name}","peerURLs":["${one.peer}"],"clientURLs":["${one.client}"]}`);
    return {
      stdout: `{"header":{"cluster_id":${uint64(clusterId)},"member_id":${uint64(memberId)},"raft_term":${term}},"members":[${rows.join(',')}]}\n`,
      stderr: '',
      exitCode: 0,
    };
  }
  const rows = members.map((one) => [one.id, 'started', one.name, one.peer, one.client, 'false']);
  return { stdout: printed(line.flags.write, ['ID', 'STATUS', 'NAME', 'PEER ADDRS', 'CLIENT ADDRS', 'IS LEARNER'], rows), stderr: '', exitCode: 0 };
}

/** The file is the store's dump and, as in a real one, the SHA-256 of it in 32 bytes. */
async function save(context: StagingContext, node: StagingNode, call: CommandCall, line: CommandLine, file: string): Promise<CommandAnswer> {
  if (file === '') return failed('snapshot save expects one argument', 128);
  const [first] = await endpointsOf(context, node, call, line);
  if (first?.state === undefined) return failed(first?.why ?? 'context deadline exceeded', 1);
  const data = Buffer.from(context.store.dump(), 'utf8');
  const log = (msg: string, fields: object): string => `${JSON.stringify({ level: 'info', ts: new Date().toISOString(), msg, ...fields })}\n`;
  try {
    node.write(pathOnNode(node, call, file), Buffer.concat([data, createHash('sha256').update(data).digest()]), { mode: 0o600 });
  } catch (error) {
    return failed(`could not open ${file}.part (${error instanceof Error ? error.message : String(error)})`, 1);
  }
  const stderr = [
    log('created temporary db file', { path: `${file}.part` }),
    log('fetching snapshot', { endpoint: first.text }),
    log('fetched snapshot', { endpoint: first.text, size: bytesText(data.length), took: `${first.tookMs}ms`, 'etcd-version': '3.6.0' }),
    log('saved', { path: file }),
  ].join('');
  return { stdout: `Snapshot saved at ${file}\nServer version 3.6.0\n`, stderr, exitCode: 0 };
}
