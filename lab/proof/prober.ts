/** The probes' own way to nodes and API: SSH, and a token. Neither hangs on a CA of the cluster, so they see what a broken cluster does. */

import { type CommandResult, runCommand } from '../command.js';
import type { Lab } from '../lab.js';
import { namespace } from './subjects/manifests.js';

export interface Answer {
  /** HTTP status; 0: there was no answer. */
  readonly status: number;
  readonly body: string;
}

/** What a program said when it was made to do something. */
export interface Tried {
  readonly code: number;
  readonly text: string;
}

export interface Prober {
  readonly lab: Lab;
  /** A script as root on a node; what it says, whatever its exit. */
  on(node: string, script: string, timeoutMs?: number): Promise<CommandResult>;
  /** Asks the API server of the control plane, whatever it presents. */
  ask(path: string, options?: { readonly method?: string; readonly body?: unknown; readonly token?: string }): Promise<Answer>;
  readonly apiServer: string;
}

/** `token`: of the account `prober`. */
export function openProber(lab: Lab, token: string): Prober {
  const [first] = lab.controlPlanes;
  if (first === undefined) throw new Error('the lab has no control plane');
  const apiServer = `https://${first.ip}:6443`;
  return {
    lab,
    apiServer,
    on: (node, script, timeoutMs = 60_000) => runCommand('ssh', ['-F', lab.paths.sshConfig, node, '--', 'sudo sh -s'], { input: script, timeoutMs, allowFailure: true }),
    async ask(path, { method = 'GET', body, token: other = token } = {}) {
      // The token on standard input: command lines are for everybody to read.
      const config = [
        `header = "Authorization: Bearer ${other}"`,
        ...(body === undefined ? [] : ['header = "Content-Type: application/json"', `data = ${JSON.stringify(JSON.stringify(body))}`]),
      ];
      const args = ['-sk', '-m', '15', '-X', method, '-w', '\n%{http_code}', '-K', '-', `${apiServer}${path}`];
      const { stdout } = await runCommand('curl', args, { input: config.join('\n'), allowFailure: true, timeoutMs: 20_000 });
      const at = stdout.lastIndexOf('\n');
      return { status: Number(stdout.slice(at + 1)) || 0, body: stdout.slice(0, Math.max(0, at)) };
    },
  };
}

/** A token that outlives the whole proof. Asked for while all is well. */
export async function makeToken(lab: Lab): Promise<string> {
  const { stdout } = await lab.kubectl(['-n', namespace, 'create', 'token', 'prober', '--duration=48h']);
  return stdout.trim();
}
