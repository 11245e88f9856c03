/** The command line as users start it: a process of its own, from a folder of its own. */

import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
let isBuilt: boolean | undefined;

/** What was built starts three times as fast as the sources; it is built anew where a source has changed. */
export function programOf(name: string): string[] {
  isBuilt ??= spawnSync(process.execPath, [at('scripts/ensure.mjs'), '--build']).status === 0;
  return isBuilt ? [at(`dist/cli/${name}.js`)] : ['--import', import.meta.resolve('tsx'), at(`src/cli/${name}.ts`)];
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly program?: 'main' | 'start';
  /** Default 110,000. */
  readonly timeoutMs?: number;
}

/** Nothing of the surroundings is passed on: no kubeconfig, no agent, no Vault, no colour. */
export function runCli(args: readonly string[], { env = {}, program = 'main', timeoutMs = 540_000 }: CliOptions = {}): Promise<CliResult> {
  const home = mkdtempSync(join(tmpdir(), 'rotate-ca-cli-'));
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...programOf(program), ...args],
      { cwd: home, env: { PATH: process.env.PATH ?? '', HOME: home, ...env }, timeout: timeoutMs, maxBuffer: 16 * 2 ** 20 },
      (_error, stdout, stderr) => {
        rmSync(home, { recursive: true, force: true });
        resolve({ code: child.exitCode ?? -1, stdout, stderr });
      },
    );
    child.stdin?.end();
  });
}
