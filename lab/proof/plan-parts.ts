/** What plans made wrong on purpose are put together from. */

import { issue, namesOf, type Pair, subjectOf } from './certificates.js';
import type { Hold } from './hold.js';

/** What a plan is made from. */
export interface Material {
  readonly ca: Pair;
  readonly etcdCa: Pair;
  readonly frontProxyCa: Pair;
  /** Not trusted by anybody: the incoming CA of whoever does it wrong. */
  readonly incoming: Pair;
  /** A file of the control plane or of the worker, as text. */
  file(path: string, node?: string): string;
  readonly controlPlane: string;
  readonly worker: string;
}

export interface Step {
  readonly kind: string;
  readonly params?: Record<string, unknown>;
  /** Of a step that comes from a playbook: all that it says. */
  readonly name?: string;
}

export interface WrongPlan {
  readonly name: string;
  readonly what: string;
  /** One side of its last step is held back, and all edges are asked then. */
  readonly hold?: Hold;
  /** The token of the probes stops being good: they get another one from the API server as it is then. */
  readonly newToken?: boolean;
  /** Texts of the files, by the name that steps use in `from`. */
  make(material: Material): Promise<{ readonly files: Readonly<Record<string, string>>; readonly steps: readonly Step[] }>;
}

export const pki = '/etc/kubernetes/pki';

interface Put {
  readonly path: string;
  readonly text: string;
}

/** One step: these files on these nodes, and then a restart. */
export async function put(
  puts: readonly Put[],
  on: { readonly nodes: string | readonly string[]; readonly restart?: readonly string[]; readonly waits?: boolean },
): ReturnType<WrongPlan['make']> {
  const name = (n: number): string => `file-${n}`;
  return {
    files: Object.fromEntries(puts.map(({ text }, n) => [name(n), text])),
    steps: [
      {
        kind: 'put-files',
        params: {
          files: puts.map(({ path }, n) => ({ path, from: name(n) })),
          nodes: on.nodes,
          ...(on.restart === undefined ? {} : { restart: on.restart }),
          waits: on.waits ?? true,
        },
      },
    ],
  };
}

export async function putObject(
  object: { readonly apiVersion: string; readonly kind: string; readonly namespace?: string; readonly name: string; readonly field: string },
  text: string,
): ReturnType<WrongPlan['make']> {
  return { files: { value: text }, steps: [{ kind: 'put-objects', params: { objects: [{ ...object, from: 'value' }] } }] };
}

export async function together(...parts: readonly ReturnType<WrongPlan['make']>[]): ReturnType<WrongPlan['make']> {
  const all = await Promise.all(parts);
  const renamed = all.map(({ files, steps }, n) => ({
    files: Object.fromEntries(Object.entries(files).map(([name, text]) => [`${n}-${name}`, text])),
    steps: JSON.parse(JSON.stringify(steps).replaceAll('"from":"', `"from":"${n}-`)) as Step[],
  }));
  return { files: Object.assign({}, ...renamed.map(({ files }) => files)) as Record<string, string>, steps: renamed.flatMap(({ steps }) => steps) };
}

type Change = Partial<Parameters<typeof issue>[0]>;

/** A leaf as the one that is there, but for these. */
export async function leafLike(current: string, by: Pair, usages: readonly ('server' | 'client')[], change: Change = {}): Promise<Pair> {
  return issue({ subject: subjectOf(current), names: namesOf(current), usages, ...change }, by);
}

export async function pairAt(m: Material, stem: string, by: Pair, usages: readonly ('server' | 'client')[], change: Change = {}): Promise<Put[]> {
  const leaf = await leafLike(m.file(`${stem}.crt`), by, usages, change);
  return [
    { path: `${stem}.key`, text: leaf.key },
    { path: `${stem}.crt`, text: leaf.certificate },
  ];
}

export const data = (text: string): string => Buffer.from(text).toString('base64');
export const withCa = (kubeconfig: string, ca: string): string => kubeconfig.replace(/certificate-authority-data: \S+/, `certificate-authority-data: ${data(ca)}`);
export const clientOf = (kubeconfig: string): string => Buffer.from(/client-certificate-data: (\S+)/.exec(kubeconfig)?.[1] ?? '', 'base64').toString('utf8');
export const withClient = (kubeconfig: string, { certificate, key }: Pair): string =>
  kubeconfig.replace(/client-certificate-data: \S+/, `client-certificate-data: ${data(certificate)}`).replace(/client-key-data: \S+/, `client-key-data: ${data(key)}`);
