/** Asks with curl, as anybody would: a status, or why there is none. */

import { runCommand } from '../command.js';

export interface CurlQuestion {
  readonly url: string;
  /** Left out: whoever answers is believed. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface CurlAnswer {
  /** 0 if there was no answer. */
  readonly status: number;
  /** curl's exit code: 60 is a server certificate that does not verify. */
  readonly exit: number;
}

export async function curl({ url, caFile, certFile, keyFile }: CurlQuestion): Promise<CurlAnswer> {
  const credential = certFile === undefined || keyFile === undefined ? [] : ['--cert', certFile, '--key', keyFile];
  const trust = caFile === undefined ? ['--insecure'] : ['--cacert', caFile];
  const result = await runCommand('curl', ['--silent', '--output', '/dev/null', '--max-time', '30', '--write-out', '%{http_code}', ...trust, ...credential, url], {
    allowFailure: true,
  });
  return { status: Number(result.stdout), exit: result.code };
}
