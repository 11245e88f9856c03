/** What a step does to trust, as data: the planner proves the order of a plan with it. */

/** Groups of verifiers whose loaded trust a step changes. */
export type Verifier =
  /** kube-apiserver and kubelets verifying client certificates (ca.crt, hot). */
  | 'servers'
  /** kube-controller-manager and scheduler verifying API servers. */
  | 'control-plane-clients'
  | 'kubelets'
  /** what kube-controller-manager publishes to pods and token Secrets, as stored. */
  | 'published'
  /** pods that loaded ca.crt once. */
  | 'pods'
  /** admin kubeconfigs on nodes. */
  | 'admins'
  /** cluster-info and other objects. */
  | 'objects'
  /** extension API servers and scheduler, through extension-apiserver-authentication. */
  | 'extension-servers'
  /** etcd members, of clients and of each other, where they share the CA. */
  | 'etcd';

/** Groups of leaves. */
export type Presenter =
  | 'api-servers'
  | 'api-servers-to-kubelets'
  | 'control-plane-clients'
  | 'kubelets'
  | 'admins'
  | 'csr-signer'
  | 'engine'
  /** API servers and members, to members that share the CA. */
  | 'etcd-clients';

export type TrustEffect =
  | { readonly type: 'trusts'; readonly verifier: Verifier; readonly cas: readonly ('outgoing' | 'incoming')[] }
  | { readonly type: 'presents'; readonly presenter: Presenter; readonly ca: 'outgoing' | 'incoming' }
  /** From the beginning of a cutover to its end connections break on purpose: all that is proved is how things stand at its end. */
  | { readonly type: 'cutover'; readonly edge: 'begins' | 'ends' };
