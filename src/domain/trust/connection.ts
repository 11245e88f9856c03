/** Who is connected to an API server, as its node sees it. Plain data. */

export interface Connection {
  /** Node of the API server. */
  readonly server: string;
  /** Of the other end: of a proxy or load balancer where one is between. */
  readonly address: string;
  /** How many there are from that address. */
  readonly count: number;
}

/** Everybody at one address. */
export interface Peer {
  readonly address: string;
  readonly kind: 'node' | 'pod' | 'load balancer' | 'rotate-ca' | 'outside';
  /** Node, or pod as NAMESPACE/NAME; empty where it has no name. */
  readonly who: string;
  /** Nodes of the API servers to which it is connected. */
  readonly servers: readonly string[];
  readonly connections: number;
  /** Users with client certificates that audit logs have from that address. */
  readonly users: readonly string[];
}
