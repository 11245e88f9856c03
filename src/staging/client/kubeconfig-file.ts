/** A kubeconfig as client-go loads one at start: the CA and embedded pairs once, pairs in files at each handshake, tokens in files again and again. */

import { parse } from 'yaml';
import type { LoadedKubeconfig } from './staging-client.js';

interface Named {
  readonly name?: string;
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
}

interface Whole {
  readonly clusters?: readonly Named[];
  readonly contexts?: readonly Named[];
  readonly users?: readonly Named[];
  readonly 'current-context'?: string;
}

/** The workers of a cluster have the same kubelet.conf. */
let last: { readonly text: string; readonly whole: Whole } | undefined;

/**
 * The current context. `readFile` reads paths named in it; undefined: there is no such file.
 * Throws an Error in the words of client-go (`invalid configuration: ...`) if it cannot be used.
 */
export function readStagingKubeconfig(text: string, readFile: (path: string) => Buffer | undefined): LoadedKubeconfig {
  if (last?.text !== text) last = { text, whole: (parse(text) ?? {}) as Whole };
  const { whole } = last;
  const current = whole['current-context'] ?? '';
  const context = whole.contexts?.find((one) => one.name === current)?.context;
  // cluster-info has one cluster and no context.
  const cluster = context === undefined ? whole.clusters?.[0]?.cluster : whole.clusters?.find((one) => one.name === context.cluster)?.cluster;
  const user = context === undefined ? {} : (whole.users?.find((one) => one.name === context.user)?.user ?? {});
  const server = textOf(cluster?.server);
  if (cluster === undefined || server === '') throw new Error('invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable');

  const must = (path: string, what: string): string => {
    const bytes = readFile(path);
    if (bytes === undefined)
      throw new Error(
        `invalid configuration: unable to read ${what} ${path} for ${textOf(context?.user) || textOf(context?.cluster)} due to open ${path}: no such file or directory`,
      );
    return bytes.toString('utf8');
  };
  const caFile = textOf(cluster['certificate-authority']);
  const caPem = decoded(cluster['certificate-authority-data']) || (caFile === '' ? '' : must(caFile, 'certificate-authority'));

  const certificateFile = textOf(user['client-certificate']);
  const keyFile = textOf(user['client-key']);
  const certificateData = decoded(user['client-certificate-data']);
  const keyData = decoded(user['client-key-data']);
  const pair = (): LoadedKubeconfig['pair'] => {
    if (certificateData !== '') return { certificatePem: certificateData, keyPem: keyData };
    if (certificateFile === '') return undefined;
    must(certificateFile, 'client-cert');
    must(keyFile, 'client-key');
    return () => {
      const [certificate, key] = [readFile(certificateFile), readFile(keyFile)];
      return certificate === undefined || key === undefined ? undefined : { certificatePem: certificate.toString('utf8'), keyPem: key.toString('utf8') };
    };
  };

  const tokenFile = textOf(user.tokenFile);
  const fixed = textOf(user.token);
  const token = tokenFile === '' ? (fixed === '' ? undefined : () => fixed) : () => readFile(tokenFile)?.toString('utf8').trim();
  const found = pair();
  return { server: server.replace(/\/$/, ''), caPem, ...(found === undefined ? {} : { pair: found }), ...(token === undefined ? {} : { token }) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function decoded(value: unknown): string {
  return Buffer.from(textOf(value), 'base64').toString('utf8');
}
