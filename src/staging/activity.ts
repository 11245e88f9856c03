/** What a staging cluster has been asked so far: by it one sees what a step of a rotation touches, and what it does not. */

import type { StoredObject } from './api/store.js';
import type { StagingContext } from './component.js';
import type { Kubelet } from './kubelet/kubelet.js';

/** Counts since the start, by node where it says so. */
export interface Activity {
  /** Commands over SSH, without those that only look after files by hash. */
  readonly commands: Readonly<Record<string, number>>;
  readonly kubeletStarts: Readonly<Record<string, number>>;
  /** Without questions for its health. */
  readonly vaultCalls: number;
  /** Changes of ConfigMaps, Secrets, workloads and certificate requests, whoever made them. */
  readonly writes: number;
}

export interface CountedActivity {
  /** From now on objects are followed: what a cluster begins with is no activity. */
  begin(): void;
  command(node: string, line: string): void;
  vaultCall(path: string): void;
  read(kubelets: readonly { readonly name: string; readonly kubelet: Kubelet }[]): Activity;
}

/** What runs beside all steps and belongs to none leaves no traces of a step: the watch over files, and who asks Vault for its health. */
const beside = { command: /sha256sum '[^\n]*2>\/dev\/null; true/, vaultCall: /^sys\/health$/ } as const;

function leavesTraces(what: keyof typeof beside, text: string): boolean {
  return !beside[what].test(text);
}

const writtenWhole = new Set(['ConfigMap', 'Secret', 'CertificateSigningRequest']);
const writtenBySpec = new Set(['Deployment', 'DaemonSet', 'StatefulSet']);

export function countActivity(context: StagingContext): CountedActivity {
  const commands: Record<string, number> = {};
  const generations = new Map<string, number>();
  let vaultCalls = 0;
  let writes = 0;
  const follow = ({ object }: { readonly object: StoredObject }): void => {
    const { kind, metadata } = object;
    if (writtenWhole.has(kind)) writes += 1;
    if (!writtenBySpec.has(kind)) return;
    const key = `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
    if (generations.has(key) && generations.get(key) !== metadata.generation) writes += 1;
    generations.set(key, metadata.generation ?? 0);
  };
  return {
    begin: () => void context.store.onEvent(follow),
    command(node, line) {
      if (leavesTraces('command', line)) commands[node] = (commands[node] ?? 0) + 1;
    },
    vaultCall(path) {
      if (leavesTraces('vaultCall', path)) vaultCalls += 1;
    },
    read: (kubelets) => ({ commands: { ...commands }, kubeletStarts: Object.fromEntries(kubelets.map(({ name, kubelet }) => [name, kubelet.starts])), vaultCalls, writes }),
  };
}
