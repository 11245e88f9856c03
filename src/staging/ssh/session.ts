/** Sessions of an SSH connection to a node: commands, the login shell, SFTP. */

import type { ServerChannel, Session } from 'ssh2';
import type { SessionAbout } from './session-about.js';
import { serveSftp } from './sftp.js';
import { lineDiscipline, onTerminal } from './terminal.js';

export function serveSession(session: Session, about: SessionAbout): void {
  let hasTerminal = false;
  session.on('pty', (accept) => {
    hasTerminal = true;
    accept?.();
  });
  // As with sshd's AcceptEnv LANG LC_*: taken, and without effect on what runs in the C locale.
  session.on('env', (accept) => accept?.());
  // sshd (session.c) sends no signal to what sudo started, nor to sessions of root: production must not rely on it.
  session.on('signal', (accept) => accept?.());
  session.on('shell', (accept) => void serve(accept(), undefined, hasTerminal, about));
  session.on('exec', (accept, _reject, { command }) => void serve(accept(), command, hasTerminal, about));
  session.on('sftp', (accept) => serveSftp(accept(), about));
}

async function serve(channel: ServerChannel, line: string | undefined, hasTerminal: boolean, { node, user, onCommand }: SessionAbout): Promise<void> {
  if (line !== undefined) onCommand?.(line);
  channel.on('error', () => undefined);
  channel.stderr.on('error', () => undefined);
  // Without a terminal a script goes on when its connection is gone, and finds its input ended and nobody to write to; with one it hangs up.
  const hangUp = new AbortController();
  if (hasTerminal) channel.once('close', () => hangUp.abort());
  const control: { signal(name: string): void } = { signal: () => undefined };
  const stdin = hasTerminal ? channel.pipe(lineDiscipline({ echo: (text) => void channel.write(text), interrupt: () => control.signal('INT') })) : channel;
  try {
    const answer = await node.exec(line, {
      user,
      stdin,
      signal: hangUp.signal,
      terminal: hasTerminal,
      onStart: (started) => {
        control.signal = started.signal;
      },
      onOutput: (stream, chunk) => {
        if (!channel.writable) return;
        if (hasTerminal) channel.write(onTerminal(chunk));
        else (stream === 'stdout' ? channel : channel.stderr).write(chunk);
      },
    });
    // Refused before anything ran: the words are in the answer.
    if (answer.stdout.length > 0 && channel.writable) channel.write(answer.stdout);
    if (answer.stderr !== '' && channel.writable) channel.stderr.write(answer.stderr);
    if (answer.signal === undefined) channel.exit(answer.exitCode);
    else channel.exit(answer.signal, false, '');
  } catch {
    // The node went off, or the connection is gone: nobody is there to be told.
  }
  channel.end();
  channel.close();
}
