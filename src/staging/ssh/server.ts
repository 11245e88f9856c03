/** The SSH server of a node: public keys only, commands, SFTP and jumps to the other nodes, and what can be broken about it. */

import { createServer, connect, type Socket, type Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import ssh2, { type AuthContext, type Connection, type ServerConfig } from 'ssh2';
import type { StagingClock } from '../clock.js';
import type { Faults } from '../faults.js';
import type { StagingNode } from '../node/staging-node.js';
import { makeSshKeyPair } from './keys.js';
import { serveSession } from './session.js';
import { makeWire, type Wire } from './wire.js';

export interface SshServerOptions {
  readonly node: StagingNode;
  /** Port 0 takes a free one. */
  readonly listen: { readonly address: string; readonly port: number };
  /** Private keys in OpenSSH's format. */
  readonly hostKeys: readonly string[];
  /** Public keys as in authorized_keys. */
  readonly authorizedKeys: readonly string[];
  /** Who may log in; default: "sre", who has sudo without a password. */
  readonly users?: readonly string[];
  readonly faults: Faults;
  readonly clock: StagingClock;
  /** Told each command line before it runs. */
  readonly onCommand?: (line: string) => void;
  /** To where a connection may be led on (ProxyJump). Default: addresses of the same staging cluster, 127.BLOCK.x.y. */
  readonly mayForwardTo?: (host: string, port: number) => boolean;
}

export interface SshServer {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** sshd_config MaxSessions. */
const maxSessions = 10;

/** Resolves when it listens. It is closed while the node is off. Throws if the address is taken. */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const { node, faults } = options;
  const wires = new Set<Wire>();
  const genuine = sshServer(options, options.hostKeys);
  let impostor: ReturnType<typeof sshServer> | undefined;
  let isClosed = false;
  let port = options.listen.port;

  const listener: NetServer = createServer((socket) => take(socket));
  listener.on('error', () => undefined);

  function take(socket: Socket): void {
    const wire = makeWire(socket);
    wires.add(wire);
    socket.once('close', () => wires.delete(wire));
    const fault = faults.ssh.get(node.name);
    if (fault?.kind === 'other-host-key') impostor ??= sshServer(options, [makeSshKeyPair('another').privateKey]);
    break_(wire);
    (fault?.kind === 'other-host-key' ? (impostor ?? genuine) : genuine).injectSocket(wire.stream as Socket);
  }

  function break_(wire: Wire): void {
    const fault = faults.ssh.get(node.name);
    wire.hang(fault?.kind === 'hang');
    wire.cutAfter(fault?.kind === 'cut' ? fault.afterBytes : undefined);
  }

  // One after the other: a port that is closed and opened in one breath must not be found open in the middle.
  let settling: Promise<void> = Promise.resolve();
  function settle(): Promise<void> {
    settling = settling.then(async () => {
      const isWanted = !isClosed && node.isOn && faults.ssh.get(node.name)?.kind !== 'refused';
      if (isWanted === listener.listening) return;
      if (!isWanted) {
        // Open connections go on, as when sshd is stopped.
        await new Promise<void>((resolve) => {
          listener.close(() => resolve());
          resolve();
        });
        return;
      }
      await new Promise<void>((resolve, reject) => {
        listener.once('error', reject);
        listener.listen(port, options.listen.address, () => {
          listener.off('error', reject);
          resolve();
        });
      });
    });
    return settling;
  }

  const forget = faults.onChange(() => {
    for (const wire of wires) break_(wire);
    void settle().catch(() => undefined);
  });
  node.onPower(async () => {
    if (!node.isOn) for (const wire of wires) wire.destroy();
    await settle().catch(() => undefined);
  });
  await settle();
  const address = listener.address();
  if (typeof address === 'object' && address !== null) port = address.port;

  return {
    address: options.listen.address,
    get port() {
      return port;
    },
    async close() {
      isClosed = true;
      forget();
      for (const wire of wires) wire.destroy();
      await settle();
    },
  };
}

function sshServer(options: SshServerOptions, hostKeys: readonly string[]): { injectSocket(socket: Socket): void } {
  const config: ServerConfig = { hostKeys: [...hostKeys], ident: 'OpenSSH_9.2p1 Debian-2+deb12u3', keepaliveInterval: 0 };
  return new ssh2.Server(config, (client) => serveConnection(client, options));
}

function serveConnection(client: Connection, options: SshServerOptions): void {
  const { node } = options;
  const authorized = options.authorizedKeys.map((text) => ssh2.utils.parseKey(text));
  let user = '';
  let sessions = 0;
  sayOpenFailed(client);
  client.on('error', () => undefined);
  client.on('authentication', (context) => {
    if (!(options.users ?? ['sre']).includes(context.username) || !isAuthorized(context, authorized)) return context.reject(['publickey']);
    user = context.username;
    context.accept();
  });
  // "keepalive@openssh.com" and others that are not known: any answer shows that somebody is there, and sshd's is a refusal.
  client.on('request', (_accept, reject) => reject?.());
  client.on('session', (accept, reject) => {
    if (sessions >= maxSessions || !node.isOn) return reject();
    sessions++;
    const session = accept();
    session.once('close', () => sessions--);
    serveSession(session, { node, user, fileFault: () => options.faults.files.get(node.name), ...(options.onCommand === undefined ? {} : { onCommand: options.onCommand }) });
  });
  client.on('tcpip', (accept, reject, { destIP, destPort }) => {
    if (!(options.mayForwardTo ?? isOfSameCluster(node.address))(destIP, destPort)) return reject();
    leadOn(destIP, destPort, accept, reject);
  });
}

type ParsedKey = ReturnType<typeof ssh2.utils.parseKey>;

function isAuthorized(context: AuthContext, authorized: readonly ParsedKey[]): boolean {
  if (context.method !== 'publickey') return false;
  const key = authorized.find((one) => !(one instanceof Error) && one.type === context.key.algo.replace(/^rsa-sha2-.*/, 'ssh-rsa') && one.getPublicSSH().equals(context.key.data));
  if (key === undefined || key instanceof Error) return false;
  // Without a signature the client only asks whether the key would do.
  if (context.signature === undefined || context.blob === undefined) return true;
  return key.verify(context.blob, context.signature, context.hashAlgo) === true;
}

// sshd says "open failed"; ssh2 has no way to say why it refuses a channel.
function sayOpenFailed(client: Connection): void {
  const { _protocol: protocol } = client as unknown as { _protocol: { channelOpenFail(remote: number, reason: number, words?: string): void } };
  const fail = protocol.channelOpenFail.bind(protocol);
  protocol.channelOpenFail = (remote, reason, words) => fail(remote, reason, words === undefined || words === '' ? 'open failed' : words);
}

function isOfSameCluster(address: string): (host: string) => boolean {
  const block = address.split('.').slice(0, 2).join('.');
  return (host) => /^127(\.\d{1,3}){3}$/.test(host) && host.startsWith(`${block}.`);
}

function leadOn(host: string, port: number, accept: () => Duplex, reject: () => void): void {
  const socket = connect({ host, port, noDelay: true });
  socket.once('error', reject);
  socket.once('connect', () => {
    socket.off('error', reject);
    const channel = accept();
    socket.on('error', () => channel.destroy());
    channel.on('error', () => socket.destroy());
    channel.on('close', () => socket.destroy());
    socket.pipe(channel).pipe(socket);
  });
}
