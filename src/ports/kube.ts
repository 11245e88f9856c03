/** The Kubernetes API in the few verbs that are used. */

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly uid: string; readonly controller?: boolean }[];
    readonly deletionTimestamp?: string;
  };
  // Objects differ below this; each user narrows what it reads.
  readonly [field: string]: unknown;
}

/** One operation of a JSON patch (RFC 6902). `path` is a JSON pointer. */
export type PatchOperation = { readonly op: 'test' | 'add' | 'replace'; readonly path: string; readonly value: unknown } | { readonly op: 'remove'; readonly path: string };

export interface CallOptions {
  /** Default 10,000. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** All methods throw RotationError: api-unreachable, api-refused, api-forbidden, deadline-exceeded, interrupted. */
export interface Kube {
  /** undefined on 404. */
  read(ref: ObjectRef, options?: CallOptions): Promise<KubeObject | undefined>;
  /** All pages. Without namespace: of all namespaces. */
  list(kind: { apiVersion: string; kind: string; namespace?: string; labelSelector?: string; fieldSelector?: string }, options?: CallOptions): Promise<KubeObject[]>;
  create(object: KubeObject, options?: CallOptions): Promise<KubeObject>;
  /** Replaces, with the resourceVersion in the object as the condition. A conflict is `api-refused`, retryable. */
  replace(object: KubeObject, options?: CallOptions): Promise<KubeObject>;
  /** JSON merge patch. */
  patch(ref: ObjectRef, patch: Readonly<Record<string, unknown>>, options?: CallOptions & { readonly subresource?: string }): Promise<KubeObject>;
  /**
   * JSON patch (RFC 6902), all of it or nothing. `outdated`: the object is not as the patch takes it to be (a conflict, 409; a failed `test` or a path
   * that is not there, 422 without a cause: k/k apiserver endpoints/handlers/patch.go applyJSPatch): read it again and decide anew.
   * `gone`: there is none (404). Other refusals are thrown, those of validation (422 with a cause) too.
   */
  jsonPatch(ref: ObjectRef, operations: readonly PatchOperation[], options?: CallOptions): Promise<KubeObject | 'outdated' | 'gone'>;
  /** Nothing happens on 404. */
  remove(ref: ObjectRef, options?: CallOptions & { readonly preconditionUid?: string; readonly gracePeriodSeconds?: number }): Promise<void>;
  /** Approves a CertificateSigningRequest through its subresource. */
  approve(csrName: string, reason: string, options?: CallOptions): Promise<void>;
  /** Evicts a pod through the eviction subresource. `blocked`: a disruption budget says no for now (429). */
  evict(pod: { namespace: string; name: string; uid?: string }, options?: CallOptions): Promise<'evicted' | 'blocked' | 'gone'>;
  /** Any GET; body as text. */
  get(path: string, options?: CallOptions): Promise<{ readonly status: number; readonly body: string }>;
  /** Any verb with a JSON body, for the few calls without an object of their own (reviews, tokens). */
  call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown, options?: CallOptions): Promise<{ readonly status: number; readonly body: string }>;
  /** The same credential against one API server, by URL: `https://10.0.0.11:6443`. */
  at(server: string): Kube;
  /** The URL that this client talks to. */
  readonly server: string;
}

/** The engine's own way into the API. What it trusts and presents changes in the course of a run, without a restart of it. */
export interface KubeAccess {
  kube(): Kube;
  /** From now on trust these CAs (PEM) beside those of the kubeconfig; connections are made anew. */
  trustAlso(caPem: string): void;
  /** From now on present this client certificate; undefined: that of the kubeconfig again. Connections are made anew. */
  present(credential: { certificatePem: string; key: import('../domain/secret.js').Secret } | undefined): void;
  /** Trust only these CAs. */
  trustOnly(caPem: string): void;
  /** Client certificate chain (PEM) of the kubeconfig's user, if it has one, and its key: for the test that distrust holds. */
  original(): { readonly certificatePem: string; readonly key: import('../domain/secret.js').Secret } | undefined;
  close(): void;
}
