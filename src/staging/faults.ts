/** What is broken in a staging cluster just now: switches that components look at. They are set by name through `faults/`. */

export type SshFault =
  | { readonly kind: 'refused' }
  | { readonly kind: 'hang' }
  /** The connection is cut after so many bytes to the client. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'other-host-key' }
  | { readonly kind: 'no-sudo' };

/** `keys-barred`: files that end with .key can be neither read nor written, as under a security module or an immutable bit. */
export type FileFault = 'disk-full' | 'read-only' | 'keys-barred';

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
  /** Called after each change of any of them. Returns what takes the listener away. */
  onChange(listener: () => void): () => void;
}

export function noFaults(): Faults {
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const faults = {
    ssh: new ToldMap<string, SshFault>(tell),
    files: new ToldMap<string, FileFault>(tell),
    kubelets: new ToldSet<string>(tell),
    etcd: new ToldSet<string>(tell),
    api: new ToldMap<string, ApiFault>(tell),
    clear() {
      for (const one of [faults.ssh, faults.files, faults.kubelets, faults.etcd, faults.api]) one.clear();
    },
    onChange(listener: () => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  return faults;
}

// A port that is closed, or a connection that hangs, cannot wait until somebody asks.
class ToldMap<K, V> extends Map<K, V> {
  readonly #tell: () => void;

  constructor(tell: () => void) {
    super();
    this.#tell = tell;
  }

  override set(key: K, value: V): this {
    super.set(key, value);
    this.#tell();
    return this;
  }

  override delete(key: K): boolean {
    const was = super.delete(key);
    if (was) this.#tell();
    return was;
  }

  override clear(): void {
    const was = this.size > 0;
    super.clear();
    if (was) this.#tell();
  }
}

class ToldSet<V> extends Set<V> {
  readonly #tell: () => void;

  constructor(tell: () => void) {
    super();
    this.#tell = tell;
  }

  override add(value: V): this {
    super.add(value);
    this.#tell();
    return this;
  }

  override delete(value: V): boolean {
    const was = super.delete(value);
    if (was) this.#tell();
    return was;
  }

  override clear(): void {
    const was = this.size > 0;
    super.clear();
    if (was) this.#tell();
  }
}
