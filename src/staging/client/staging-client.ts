/** A client of the staging API, as client-go is one: reads its kubeconfig once, verifies the server, keeps its connections, watches. */

export interface LoadedKubeconfig {
  /** https://HOST:PORT */
  readonly server: string;
  /** What it trusts, PEM. */
  readonly caPem: string;
  /** Client certificate chain and key, PEM. A function is asked at each new handshake (P5, the kubelet's own certificate). */
  readonly pair?: { readonly certificatePem: string; readonly keyPem: string } | (() => { readonly certificatePem: string; readonly keyPem: string } | undefined);
  /** Asked for each request (T1). */
  readonly token?: () => string | undefined;
}

export interface ClientAnswer {
  readonly status: number;
  readonly body: string;
}

export interface StagingClient {
  /** Throws an Error with `code` as node:tls gives it (UNABLE_TO_VERIFY_LEAF_SIGNATURE, ECONNREFUSED, ...) if there is no HTTP answer. `timeoutMs` is wall-clock. */
  request(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    options?: { readonly body?: unknown; readonly contentType?: string; readonly timeoutMs?: number },
  ): Promise<ClientAnswer>;
  /**
   * List, then watch, and again when it ends, until stopped: an informer. `path` without query, `query` for selectors.
   * `onTrouble` is told of each failure (401, TLS), with its text; it tries again with growing pauses, as a reflector of client-go.
   */
  inform(
    path: string,
    handlers: {
      readonly onObject: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: Record<string, unknown>) => void;
      readonly onSynced?: () => void;
      readonly onTrouble?: (text: string) => void;
    },
    query?: string,
  ): () => void;
  /** Ends connections, so that the next request makes a new handshake. */
  reconnect(): void;
  close(): void;
}
