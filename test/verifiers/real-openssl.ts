/** The installed OpenSSL: `openssl verify`, one process for each chain. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from '../../src/domain/pki/certificate.js';
import type { ChainQuestion } from '../../src/domain/pki/chain-certificate.js';
import { isAddress } from '../../src/domain/pki/host-name.js';

/** Why it cannot be asked here. undefined: it can. Its rules are those of 3.x. */
export function whyNoOpenssl(): string | undefined {
  const version = /^OpenSSL (\d+)\./.exec(spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout ?? '')?.[1];
  return version === '3' ? undefined : 'there is no OpenSSL 3';
}

export class RealOpenssl {
  private readonly folder = mkdtempSync(join(tmpdir(), 'verifiers-'));
  private files = 0;

  /** The number of the first error, 0 if the chain holds, -1 if it said something else. */
  async ask({ leaf, intermediates = [], bundle, atMs, usage, name }: ChainQuestion): Promise<number> {
    const nothing = bundle.certificates.length === 0;
    const output = await this.run([
      'verify',
      ...['-attime', String(Math.floor(atMs / 1000))],
      ...(usage === 'any' ? [] : ['-purpose', usage === 'clientAuth' ? 'sslclient' : 'sslserver']),
      ...(name === undefined ? [] : [isAddress(name) ? '-verify_ip' : '-verify_hostname', name]),
      ...['-no-CApath', '-no-CAstore', ...(nothing ? ['-no-CAfile'] : ['-CAfile', this.file(bundle.certificates)])],
      ...(intermediates.length === 0 ? [] : ['-untrusted', this.file(intermediates)]),
      this.file([leaf]),
    ]);
    return Number(/error (\d+) at/.exec(output)?.[1] ?? (/: OK$/m.test(output) ? 0 : -1));
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }

  private file(certificates: readonly Certificate[]): string {
    this.files += 1;
    const path = join(this.folder, String(this.files));
    writeFileSync(path, certificates.map(({ pem }) => pem).join(''));
    return path;
  }

  private run(args: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.on('error', reject);
      child.on('close', () => resolve(output));
    });
  }
}
