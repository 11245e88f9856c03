/** Reads and edits the text of a kubeconfig; everything but the edited value keeps its bytes. Only the current context counts. */

import { type Failure, fail } from '../errors.js';
import { Secret } from '../secret.js';
import { insertPair, isMap, isScalar, isSeq, type Node, openYaml, type OpenYaml, pairOf, rangeOf, removePair, replaceScalar, type YAMLMap } from './yaml-edit.js';

export interface Kubeconfig {
  /** Empty for a kubeconfig that has one cluster and no contexts, as cluster-info. */
  readonly context: string;
  readonly server: string;
  readonly tlsServerName?: string;
  /** Embedded CA certificates, PEM. */
  readonly caPem?: string;
  readonly caFile?: string;
  readonly insecure: boolean;
  /** Name of the user; empty if the context has none. */
  readonly user: string;
  /** Embedded client certificate, PEM, with chain. */
  readonly clientCertificatePem?: string;
  readonly clientCertificateFile?: string;
  /** Embedded client key. */
  readonly clientKey?: Secret;
  readonly clientKeyFile?: string;
  /** How else the user proves itself. */
  readonly token: 'none' | 'embedded' | 'file' | 'exec' | 'basic' | 'auth-provider';
}

/** Parses the current context. `source` is the path, for errors. Throws kubeconfig-invalid with `source:line:column`. */
export function readKubeconfig(text: string, source = 'kubeconfig'): Kubeconfig {
  const { context, cluster, user, userName } = currentOf(openYaml(text), source);
  const server = textAt(cluster, 'server');
  if (server === undefined) return cluster.refuse(cluster.map, 'the cluster has no server');
  const has = (key: string): boolean => user?.map.has(key) ?? false;
  const caPem = decoded(cluster, 'certificate-authority-data');
  const clientCertificatePem = user && decoded(user, 'client-certificate-data');
  const key = user && decoded(user, 'client-key-data');
  const optional = {
    tlsServerName: textAt(cluster, 'tls-server-name'),
    caPem,
    caFile: textAt(cluster, 'certificate-authority'),
    clientCertificatePem,
    clientCertificateFile: user && textAt(user, 'client-certificate'),
    clientKey: key === undefined ? undefined : new Secret(key),
    clientKeyFile: user && textAt(user, 'client-key'),
  };
  return {
    context,
    server,
    insecure: cluster.map.get('insecure-skip-tls-verify') === true,
    user: userName,
    token: has('exec') ? 'exec' : has('auth-provider') ? 'auth-provider' : has('tokenFile') ? 'file' : has('token') ? 'embedded' : has('username') ? 'basic' : 'none',
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined && value !== '')) as Partial<Kubeconfig>),
  };
}

/** Lines of the keys of cluster and user of the current context, from 1. Throws kubeconfig-invalid. */
export function kubeconfigLines(text: string): Readonly<Record<string, number>> {
  const open = openYaml(text);
  const { cluster, user } = currentOf(open, 'kubeconfig');
  const keys = [...cluster.map.items, ...(user?.map.items ?? [])].flatMap(({ key }) => (isScalar(key) ? [key] : []));
  return Object.fromEntries(keys.map((key) => [String(key.value), Number(open.position(rangeOf(key)[0]).split(':')[0])]));
}

/** Where in the file a failure of readKubeconfig is; 1 where it does not say. */
export function lineOfFailure({ summary }: Pick<Failure, 'summary'>): number {
  return Number(/:(\d+):\d+ cannot be used as a kubeconfig$/.exec(summary)?.[1] ?? '1');
}

/** The text with other embedded CA certificates for the current context. A path to a CA file is replaced by them. Throws kubeconfig-invalid. */
export function withCaData(text: string, caPem: string, source = 'kubeconfig'): string {
  return withData(text, source, (current) => current.cluster, 'certificate-authority', base64(caPem));
}

/** The text with another client certificate and key, embedded, for the user of the current context. Paths to files are replaced by them. Throws kubeconfig-invalid. */
export function withClient(text: string, client: { readonly certificatePem: string; readonly keyPem: string | Secret }, source = 'kubeconfig'): string {
  const key = typeof client.keyPem === 'string' ? base64(client.keyPem) : client.keyPem.reveal().toString('base64');
  const certified = withData(text, source, userOf(source), 'client-certificate', base64(client.certificatePem));
  return withData(certified, source, userOf(source), 'client-key', key);
}

interface Part {
  readonly map: YAMLMap;
  refuse(node: Node | null | undefined, cause: string): never;
}

interface Current {
  readonly context: string;
  readonly cluster: Part;
  readonly user: Part | undefined;
  readonly userName: string;
}

function withData(text: string, source: string, choose: (current: Current) => Part, name: string, value: string): string {
  const open = openYaml(text);
  const part = choose(currentOf(open, source));
  const data = pairOf(part.map, `${name}-data`);
  if (data !== undefined) {
    if (isScalar(data.value) && data.value.value !== null) return replaceScalar(open, data.value, value);
    return part.refuse(data.key, `${name}-data has no value`);
  }
  if (part.map.items.length === 0) return part.refuse(part.map, 'it is empty');
  const inserted = insertPair(open, part.map, `${name}-data`, value);
  const again = openYaml(inserted);
  return removePair(again, choose(currentOf(again, source)).map, name);
}

function userOf(source: string): (current: Current) => Part {
  return ({ user, context }) => user ?? invalid(source, '1:1', `the context "${context}" has no user`);
}

function currentOf(open: OpenYaml, source: string): Current {
  if (open.broken !== undefined) return invalid(source, open.broken.at, open.broken.cause);
  const refuse = (node: Node | null | undefined, cause: string): never => invalid(source, node?.range ? open.position(rangeOf(node)[0]) : '1:1', cause);
  const root = open.doc.contents;
  if (!isMap(root)) return refuse(root, 'it is not a kubeconfig: the top is not a map');
  const top = { map: root as YAMLMap, refuse };
  const context = textAt(top, 'current-context');
  const only = onlyCluster(top);
  if (!context && only !== undefined) return { context: '', cluster: only, user: undefined, userName: '' };
  if (context === undefined || context === '') return refuse(pairOf(top.map, 'current-context')?.key, 'there is no current-context');
  const chosen = named(top, 'contexts', 'context', context) ?? refuse(pairOf(top.map, 'current-context')?.value, `there is no context "${context}"`);
  const clusterName = textAt(chosen, 'cluster') ?? '';
  const userName = textAt(chosen, 'user') ?? '';
  const cluster = named(top, 'clusters', 'cluster', clusterName) ?? refuse(chosen.map, `there is no cluster "${clusterName}"`);
  const user = userName === '' ? undefined : (named(top, 'users', 'user', userName) ?? refuse(chosen.map, `there is no user "${userName}"`));
  return { context, cluster, user, userName };
}

/** cluster-info has one cluster and no contexts. */
function onlyCluster(top: Part): Part | undefined {
  const [clusters, contexts] = ['clusters', 'contexts'].map((key) => pairOf(top.map, key)?.value);
  if (!isSeq(clusters) || clusters.items.length !== 1 || (isSeq(contexts) && contexts.items.length > 0)) return undefined;
  const item = clusters.items[0];
  const cluster = isMap(item) ? pairOf(item, 'cluster')?.value : undefined;
  return isMap(cluster) ? { map: cluster, refuse: top.refuse } : undefined;
}

/** The map inside the named entry of a list. A name that is there twice is refused, as by client-go. */
function named(top: Part, list: string, inner: string, name: string): Part | undefined {
  const items = pairOf(top.map, list)?.value;
  if (items === undefined || items === null) return undefined;
  if (!isSeq(items)) return top.refuse(items, `${list} is not a list`);
  const found = (items.items as Node[]).filter((item): item is YAMLMap => isMap(item) && item.get('name') === name);
  if (found[1] !== undefined) return top.refuse(found[1], `the name "${name}" is there twice in ${list}`);
  if (found[0] === undefined) return undefined;
  const value = pairOf(found[0], inner)?.value;
  if (!isMap(value)) return top.refuse(value ?? found[0], `"${name}" in ${list} has no ${inner}`);
  return { map: value, refuse: top.refuse };
}

function textAt({ map, refuse }: Part, key: string): string | undefined {
  const value = pairOf(map, key)?.value;
  if (value === undefined || value === null) return undefined;
  if (!isScalar(value)) return refuse(value, `${key} is not a text`);
  return value.value === null ? undefined : String(value.value);
}

function decoded(part: Part, key: string): string | undefined {
  const value = textAt(part, key)?.replace(/\s/g, '');
  if (value === undefined || value === '') return undefined;
  if (value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return part.refuse(pairOf(part.map, key)?.value, `${key} is not base64`);
  return Buffer.from(value, 'base64').toString('utf8');
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function invalid(source: string, at: string, cause: string): never {
  const where = `${source}:${at}`;
  return fail('kubeconfig-invalid', { target: source, summary: `${where} cannot be used as a kubeconfig`, cause, nextAction: `Correct ${where}` });
}
