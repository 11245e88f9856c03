/** An SSH server on loopback that lets everybody in and answers every command at once with "done": what is left is the wire. */

import { once } from 'node:events';
import ssh2, { type Connection } from 'ssh2';

export interface SshServer {
  readonly port: number;
  /** Public host key, as in a .pub file. */
  readonly hostKey: string;
  stop(): Promise<void>;
}

export async function startSshServer(): Promise<SshServer> {
  const key = ssh2.utils.generateKeyPairSync('ed25519');
  const clients = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [key.private] }, (client) => {
    clients.add(client);
    client.on('error', () => undefined);
    client.on('close', () => void clients.delete(client));
    client.on('authentication', (asked) => asked.accept());
    client.on('ready', () => {
      // As sshd does: otherwise both sides would wait for each other.
      (client as Connection & { setNoDelay(on: boolean): void }).setNoDelay(true); // The types know it of clients only.
    });
    client.on('session', (accept) => {
      accept().on('exec', (accepted) => {
        const channel = accepted();
        channel.write('done\n');
        channel.exit(0);
        channel.end();
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    port: address.port,
    hostKey: key.public.trim(),
    stop: async () => {
      for (const client of clients) client.end();
      server.close();
      await once(server, 'close');
    },
  };
}
