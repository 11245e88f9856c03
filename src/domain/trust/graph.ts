/**
 * Who presents what to whom, and who verifies it with what: the shapes of the trust graph. Plain data.
 * Source of the model: three states of an artefact (stored, mounted, loaded), edges evaluated on `loaded` and again on `stored`.
 */

/**
 * How what is stored becomes loaded. `hot`: inotify and a look each minute; `per-handshake`; `polled`: a pair in files, at most 5 min;
 * `token-file`: a minute; `watched`: an object that is watched; `volume`: a pod's volume, then read again by the pod; `once`: read at start;
 * `per-use`: a program that is started anew each time (kubectl, CNI); `memory`: made at start, lies nowhere.
 */
export type LoadPolicy = 'hot' | 'per-handshake' | 'polled' | 'token-file' | 'watched' | 'volume' | 'once' | 'per-use' | 'memory';

/**
 * Where bytes lie, as text and key: `cp1:/etc/kubernetes/pki/ca.crt`, `cp1:/etc/kubernetes/kubelet.conf#ca` and `#client` for the two ends
 * of a kubeconfig, `ConfigMap kube-public/cluster-info /data/kubeconfig` for a value of an object (kind, namespace/name, JSON pointer).
 */
export type PlaceId = string;

/** `kube-apiserver@cp1`, `pod kube-system/coredns-x`, `kubeconfig cp1:/etc/kubernetes/admin.conf`, `webhook NAME`, `apiservice NAME`, `engine`. */
export type ProcessId = string;

/** `<process> <flag or field>`: `kube-apiserver@cp1 client-ca-file`. */
export type InputId = string;

/** `E5 kube-controller-manager@cp1 -> kube-apiserver@cp1 server`: class, client, server, and which of the two is verified (`server`, `client`, `token`). */
export type EdgeId = string;

/** E1 to E27 and K1 to K6 as in kubernetes-pki 3. S1: what kube-controller-manager signs, at the API servers (edge type `signs`). */
export type EdgeClass = `E${number}` | `K${number}` | 'S1';

export interface TrustProcess {
  readonly id: ProcessId;
  readonly kind: 'component' | 'pod' | 'kubeconfig' | 'served' | 'engine' | 'outside';
  /** Host, where it is on one. */
  readonly node?: string;
  /** `v1.34.1`; empty or missing: not known. */
  readonly version?: string;
  /** Unix time in ms. */
  readonly startedAtMs?: number;
}

/** What a process reads from a place: a trust bundle, a leaf with its chain, or keys of tokens. */
export interface Input {
  readonly id: InputId;
  readonly process: ProcessId;
  readonly place: PlaceId;
  readonly policy: LoadPolicy;
  readonly holds: 'trust' | 'leaf' | 'keys';
  /** Where the key lies that must belong to the certificate: a pair that does not fit is not taken up, and what was loaded stays (tls.X509KeyPair). */
  readonly key?: PlaceId;
  /** The policy was shown on the lab, on that very release; false: it is modelled from the source. Missing: it is no question of a release. */
  readonly proved?: boolean;
}

export interface Edge {
  readonly id: EdgeId;
  readonly class: EdgeClass;
  /** Whose identity is verified: the server's certificate by the client, the client's certificate or token by the server. */
  readonly leg: 'server' | 'client' | 'token';
  readonly client: ProcessId;
  readonly server: ProcessId;
  /** Of the end that is verified; of a token edge: the key that signs. */
  readonly presents: InputId;
  /** Of the end that verifies. undefined: it does not verify (kube-apiserver without --kubelet-certificate-authority). */
  readonly verifies?: InputId;
  /** Name or address that the certificate must be for. */
  readonly name?: string;
  /** `openssl` where the client is known not to be written in Go. */
  readonly rules: 'go' | 'openssl';
}

/** Identifiers of certificates (SHA-256 of the DER, or of one that is yet to be issued) or of keys (SHA-256 of the SPKI), in their order. */
export type Content = readonly string[];

/** `loaded` has an entry only where it differs from what is stored, or is known by a probe. */
export interface TrustState {
  readonly stored: ReadonlyMap<PlaceId, Content>;
  readonly loaded: ReadonlyMap<InputId, Content>;
}

export interface TrustGraph {
  readonly processes: readonly TrustProcess[];
  readonly inputs: readonly Input[];
  readonly edges: readonly Edge[];
  readonly state: TrustState;
  /** Places that kube-controller-manager writes from its --root-ca-file. */
  readonly published: readonly PlaceId[];
  /** What there is and cannot be seen from here: each a sentence for a human, with what to do. */
  readonly unseen: readonly string[];
}

/**
 * `hold`: verifies on loaded and on stored. `blip`: a restart or reconnection interrupts it, and it comes back by itself.
 * `latent`: holds on loaded, fails on stored: it breaks at the next restart. `break`: some pair that may be loaded at the same time does not verify.
 * `cut`: as break, inside a cutover, where that is announced. `unverified`: nobody verifies.
 */
export type Verdict = 'hold' | 'blip' | 'latent' | 'break' | 'cut' | 'unverified';

/** One place, as a step changes it. Contents by name for a human: `kubernetes (outgoing)`. */
export interface PlaceChange {
  readonly place: PlaceId;
  readonly sign: '+' | '~' | '-';
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** What it holds after the step, by identifier. */
  readonly content?: Content;
}

export interface RestartNeed {
  readonly process: ProcessId;
  /** Inputs that it reads once and that have changed, as a sentence. */
  readonly because: string;
  /** The step restarts it. `needed` without `done` leaves what is loaded behind what is stored. */
  readonly done: boolean;
  readonly needed: boolean;
}

export interface EdgeFinding {
  readonly edge: EdgeId;
  readonly verdict: Exclude<Verdict, 'hold' | 'unverified'>;
  /** The shortest explanation in one sentence. */
  readonly why: string;
  /** Of a break, latent or cut. */
  readonly nextAction?: string;
  /** About how long it is interrupted, ms. */
  readonly forMs?: number;
  /** It was named with --accept-break. */
  readonly isAccepted?: boolean;
}

export interface StepProof {
  /** Step of the plan: `reissue-kubelets/2`. */
  readonly step: string;
  readonly changes: readonly PlaceChange[];
  readonly restarts: readonly RestartNeed[];
  /** Edges that do not simply hold during or after this step. */
  readonly findings: readonly EdgeFinding[];
  /** Edges that have failed before or during this step and hold after it. */
  readonly healed?: readonly EdgeId[];
}

export interface PlanProof {
  /** Edges that fail before anything is done. */
  readonly before: readonly EdgeFinding[];
  readonly steps: readonly StepProof[];
  /** Of all edges how they stand at the end. */
  readonly verdicts: Readonly<Record<EdgeId, Verdict>>;
  /** Inputs of components whose load policy the lab has shown on their release, and those that are modelled from the source alone. */
  readonly policies: { readonly proved: number; readonly modelled: readonly InputId[] };
  readonly unseen: readonly string[];
}
