/** What is broken in a staging cluster just now: switches that components look at. They are set by name through `faults/`. */

export type SshFault =
  | { readonly kind: 'refused' }
  | { readonly kind: 'hang' }
  /** The connection is cut after so many bytes to the client. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'other-host-key' }
  | { readonly kind: 'no-sudo' };

export type FileFault = 'disk-full' | 'read-only';

export type ApiFault = { readonly kind: 'status'; readonly status: 429 | 500; readonly share: number } | { readonly kind: 'timeout' };

export interface Faults {
  /** By node. */
  readonly ssh: Map<string, SshFault>;
  readonly files: Map<string, FileFault>;
  /** Kubelets that do not come up when they are started. */
  readonly kubelets: Set<string>;
  /** etcd members that do not come back after a restart. */
  readonly etcd: Set<string>;
  /** API servers, by node. */
  readonly api: Map<string, ApiFault>;
  clear(): void;
}

export function noFaults(): Faults {
  const faults = {
    ssh: new Map<string, SshFault>(),
    files: new Map<string, FileFault>(),
    kubelets: new Set<string>(),
    etcd: new Set<string>(),
    api: new Map<string, ApiFault>(),
    clear() {
      for (const one of [faults.ssh, faults.files, faults.kubelets, faults.etcd, faults.api]) one.clear();
    },
  };
  return faults;
}
