/**
 * When each component takes what is stored, for Kubernetes 1.27 to 1.36: data. A row rests on the source that it names, of 1.34, and where
 * something may have changed of 1.27, 1.29 to 1.31, 1.35 and 1.36 too; `provedOn` are releases on which the lab has shown it (by behaviours of test/fidelity and experiments of test/load-policies).
 */

import type { LoadPolicy } from './graph.js';

export interface LoadRow {
  readonly component: 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'kubelet' | 'kube-proxy' | 'flanneld' | 'etcd' | 'pod';
  /** Flags without their dashes, fields of a configuration, keys of a kubeconfig (`kubeconfig certificate-authority`), or files of a pod. */
  readonly inputs: readonly string[];
  readonly policy: LoadPolicy;
  /** First and last minor release of Kubernetes 1.x of which it is true; of `pod`, of the client-go in it. */
  readonly since?: number;
  readonly until?: number;
  /** Repository, file and function. */
  readonly source: string;
  /** Releases, of etcd those of etcd: `1.34`. None: modelled only. */
  readonly provedOn: readonly string[];
}

const on130 = ['1.30'];
const onBoth = ['1.30', '1.34'];
const dynamicFile = 'apiserver pkg/server/dynamiccertificates/dynamic_cafile_content.go NewDynamicCAContentFromFile';
const dynamicPair = 'apiserver pkg/server/dynamiccertificates/dynamic_serving_content.go NewDynamicServingContentFromFiles';
const delegated = 'apiserver pkg/server/options/authentication.go DelegatingAuthenticationOptions.ApplyTo';
const configMap = 'apiserver pkg/server/dynamiccertificates/configmap_cafile_content.go NewDynamicCAFromConfigMapController';
const cold = 'client-go transport/transport.go loadTLSFiles, rootCertPool: data, and files before 0.36, are read when the client is made';
const warm = 'client-go transport/ca_rotation.go atomicTransportHolder (gate ClientsAllowCARotation, beta and on in 0.36): at the next request, 5 min after the last look';
const pairs = 'client-go transport/cert_rotation.go: key and certificate as files, every 5 min and at the next handshake';
const etcdPair = 'etcd client/pkg/transport/listener.go baseConfig GetCertificate, GetClientCertificate';
const etcdTrust = 'etcd client/pkg/transport/listener.go ServerConfig, ClientConfig; server/etcdserver/api/rafthttp/util.go';

/** The keys of a kubeconfig that a client-go client of the release reads; `kubeconfig` alone is one with embedded data. */
function clientGo(component: LoadRow['component'], provedOn: readonly string[]): LoadRow[] {
  return [
    { component, inputs: ['kubeconfig', 'kubeconfig certificate-authority-data', 'kubeconfig client-certificate-data'], policy: 'once', source: cold, provedOn },
    { component, inputs: ['kubeconfig certificate-authority'], policy: 'once', until: 35, source: cold, provedOn },
    { component, inputs: ['kubeconfig certificate-authority'], policy: 'polled', since: 36, source: warm, provedOn: [] },
    { component, inputs: ['kubeconfig client-certificate'], policy: 'polled', source: pairs, provedOn },
    { component, inputs: ['kubeconfig tokenFile'], policy: 'token-file', source: 'client-go transport/token_source.go NewCachedFileTokenSource', provedOn },
  ];
}

export const loadPolicyTable: readonly LoadRow[] = [
  // kube-apiserver as a server.
  { component: 'kube-apiserver', inputs: ['client-ca-file'], policy: 'hot', source: dynamicFile, provedOn: onBoth },
  { component: 'kube-apiserver', inputs: ['requestheader-client-ca-file'], policy: 'hot', source: dynamicFile, provedOn: on130 },
  { component: 'kube-apiserver', inputs: ['tls-cert-file'], policy: 'hot', source: dynamicPair, provedOn: onBoth },
  { component: 'kube-apiserver', inputs: ['tls-sni-cert-key'], policy: 'hot', source: 'apiserver pkg/server/dynamiccertificates/dynamic_sni_content.go', provedOn: on130 },
  // kube-apiserver as a client.
  { component: 'kube-apiserver', inputs: ['proxy-client-cert-file'], policy: 'hot', source: 'kube-aggregator pkg/apiserver/handler_proxy.go updateAPIService', provedOn: on130 },
  {
    component: 'kube-apiserver',
    inputs: ['kubelet-client-certificate'],
    policy: 'polled',
    source: 'k/k pkg/kubelet/client/kubelet_client.go transportConfig (ReloadTLSFiles)',
    provedOn: onBoth,
  },
  { component: 'kube-apiserver', inputs: ['kubelet-certificate-authority'], policy: 'once', until: 35, source: cold, provedOn: on130 },
  { component: 'kube-apiserver', inputs: ['kubelet-certificate-authority'], policy: 'polled', since: 36, source: warm, provedOn: [] },
  { component: 'kube-apiserver', inputs: ['etcd-certfile'], policy: 'per-handshake', source: etcdPair, provedOn: on130 },
  { component: 'kube-apiserver', inputs: ['etcd-cafile'], policy: 'once', source: 'apiserver pkg/storage/storagebackend/factory/etcd3.go newETCD3Client', provedOn: on130 },
  { component: 'kube-apiserver', inputs: ['oidc-ca-file'], policy: 'once', source: 'k/k pkg/kubeapiserver/options/authentication.go ToAuthenticationConfig', provedOn: on130 },
  { component: 'kube-apiserver', inputs: ['peer-ca-file'], policy: 'once', until: 35, source: cold, provedOn: [] },
  { component: 'kube-apiserver', inputs: ['peer-ca-file'], policy: 'polled', since: 36, source: warm, provedOn: [] },
  {
    component: 'kube-apiserver',
    inputs: ['egress-selector-config-file'],
    policy: 'once',
    source: 'apiserver pkg/server/egressselector/egress_selector.go getTLSConfig',
    provedOn: [],
  },
  {
    component: 'kube-apiserver',
    inputs: ['admission-control-config-file', 'audit-webhook-config-file', 'authentication-token-webhook-config-file', 'authorization-webhook-config-file'],
    policy: 'once',
    source: cold,
    provedOn: on130,
  },
  {
    component: 'kube-apiserver',
    inputs: ['authentication-config'],
    policy: 'once',
    until: 29,
    source: 'k/k pkg/kubeapiserver/options/authentication.go (alpha in 1.29, without a watch)',
    provedOn: [],
  },
  {
    component: 'kube-apiserver',
    inputs: ['authentication-config'],
    policy: 'hot',
    since: 30,
    source: 'k/k pkg/kubeapiserver/options/authentication.go ApplyTo (WatchUntil)',
    provedOn: on130,
  },
  {
    component: 'kube-apiserver',
    inputs: ['authorization-config'],
    policy: 'once',
    until: 29,
    source: 'k/k pkg/kubeapiserver/authorizer/config.go (alpha in 1.29)',
    provedOn: [],
  },
  { component: 'kube-apiserver', inputs: ['authorization-config'], policy: 'hot', since: 30, source: 'k/k pkg/kubeapiserver/authorizer/reload.go reloadInterval', provedOn: on130 },
  {
    component: 'kube-apiserver',
    inputs: ['webhook caBundle'],
    policy: 'watched',
    source: 'apiserver pkg/util/webhook/client.go HookClient (its cache key holds the bundle)',
    provedOn: on130,
  },
  { component: 'kube-apiserver', inputs: ['apiservice caBundle'], policy: 'watched', source: 'kube-aggregator pkg/apiserver/handler_proxy.go updateAPIService', provedOn: on130 },
  // Keys of tokens.
  {
    component: 'kube-apiserver',
    inputs: ['service-account-key-file'],
    policy: 'once',
    source: 'k/k pkg/serviceaccount/jwt.go StaticPublicKeysGetter; pkg/controlplane/apiserver/config.go',
    provedOn: on130,
  },
  {
    component: 'kube-apiserver',
    inputs: ['service-account-signing-key-file'],
    policy: 'once',
    source: 'k/k pkg/controlplane/apiserver/options/options.go completeServiceAccountOptions',
    provedOn: on130,
  },
  // kube-controller-manager.
  ...clientGo('kube-controller-manager', on130),
  { component: 'kube-controller-manager', inputs: ['client-ca-file', 'requestheader-client-ca-file'], policy: 'hot', source: delegated, provedOn: on130 },
  { component: 'kube-controller-manager', inputs: ['tls-cert-file'], policy: 'hot', source: dynamicPair, provedOn: on130 },
  {
    component: 'kube-controller-manager',
    inputs: ['root-ca-file'],
    policy: 'once',
    source: 'k/k cmd/kube-controller-manager/app/certificates.go getKubeAPIServerCAFileContents: when it begins to lead, which a restart makes it or another do',
    provedOn: onBoth,
  },
  {
    component: 'kube-controller-manager',
    inputs: [
      'cluster-signing-cert-file',
      'cluster-signing-kubelet-client-cert-file',
      'cluster-signing-kubelet-serving-cert-file',
      'cluster-signing-kube-apiserver-client-cert-file',
      'cluster-signing-legacy-unknown-cert-file',
    ],
    policy: 'hot',
    source: 'k/k pkg/controller/certificates/signer/ca_provider.go currentCA, setCA: exactly one certificate',
    provedOn: onBoth,
  },
  {
    component: 'kube-controller-manager',
    inputs: ['service-account-private-key-file'],
    policy: 'once',
    source: 'k/k cmd/kube-controller-manager/app/controllermanager.go, since 1.36 service_accounts.go',
    provedOn: on130,
  },
  // kube-scheduler.
  ...clientGo('kube-scheduler', on130),
  { component: 'kube-scheduler', inputs: ['client-ca-file', 'requestheader-client-ca-file', 'tls-cert-file'], policy: 'hot', source: delegated, provedOn: on130 },
  { component: 'kube-scheduler', inputs: ['extension-apiserver-authentication'], policy: 'watched', source: configMap, provedOn: on130 },
  // kubelet.
  { component: 'kubelet', inputs: ['clientCAFile', 'client-ca-file'], policy: 'hot', source: `k/k cmd/kubelet/app/auth.go BuildAuthn; ${dynamicFile}`, provedOn: onBoth },
  {
    component: 'kubelet',
    inputs: ['clientCAFile as a hint'],
    policy: 'once',
    until: 35,
    source: 'k/k cmd/kubelet/app/server.go InitializeTLS (ClientCAs of the handshake: which certificates a client may choose from)',
    provedOn: on130,
  },
  {
    component: 'kubelet',
    inputs: ['clientCAFile as a hint'],
    policy: 'hot',
    since: 36,
    source: 'k/k pkg/kubelet/kubelet.go (gate ReloadKubeletClientCAFile, beta and on in 1.36)',
    provedOn: [],
  },
  { component: 'kubelet', inputs: ['tlsCertFile', 'tls-cert-file'], policy: 'once', until: 30, source: 'k/k cmd/kubelet/app/server.go InitializeTLS', provedOn: on130 },
  {
    component: 'kubelet',
    inputs: ['tlsCertFile', 'tls-cert-file'],
    policy: 'hot',
    since: 31,
    source: 'k/k pkg/kubelet/certificate/kubelet.go NewKubeletServerCertificateDynamicFileManager (gate ReloadKubeletServerCertificateFile, beta and on in 1.31)',
    provedOn: [],
  },
  {
    component: 'kubelet',
    inputs: ['kubelet-server-current.pem'],
    policy: 'once',
    source: 'client-go util/certificate/certificate_manager.go: its own renewals are hot, a pair that is put there by hand is not',
    provedOn: on130,
  },
  {
    component: 'kubelet',
    inputs: ['kubeconfig', 'kubeconfig certificate-authority', 'kubeconfig certificate-authority-data'],
    policy: 'once',
    source: 'k/k pkg/kubelet/certificate/transport.go addCertRotation: its TLS configuration is made once, in 1.36 too',
    provedOn: onBoth,
  },
  {
    component: 'kubelet',
    inputs: ['kubeconfig client-certificate', 'kubeconfig client-certificate-data', 'kubelet-client-current.pem'],
    policy: 'once',
    source: 'client-go util/certificate/certificate_manager.go: read at start, then in memory; its own renewals are hot',
    provedOn: onBoth,
  },
  // etcd, of every version that these releases use (3.5, 3.6).
  { component: 'etcd', inputs: ['cert-file', 'peer-cert-file'], policy: 'per-handshake', source: etcdPair, provedOn: ['3.5', '3.6'] },
  { component: 'etcd', inputs: ['trusted-ca-file', 'peer-trusted-ca-file'], policy: 'once', source: etcdTrust, provedOn: ['3.5', '3.6'] },
  { component: 'etcd', inputs: ['client-crl-file', 'peer-crl-file'], policy: 'per-handshake', source: 'etcd client/pkg/transport/listener_tls.go checkCRL', provedOn: [] },
  // On nodes and in pods.
  ...clientGo('kube-proxy', on130),
  ...clientGo('flanneld', []),
  { component: 'flanneld', inputs: ['etcd-cafile', 'etcd-certfile'], policy: 'once', source: 'no evidence that it reads them again: taken to be read at start', provedOn: [] },
  { component: 'pod', inputs: ['ca.crt'], policy: 'once', until: 35, source: 'client-go rest/config.go InClusterConfig; transport/transport.go loadTLSFiles', provedOn: on130 },
  { component: 'pod', inputs: ['ca.crt'], policy: 'volume', since: 36, source: warm, provedOn: [] },
  { component: 'pod', inputs: ['token'], policy: 'token-file', source: 'client-go rest/config.go InClusterConfig; transport/token_source.go', provedOn: on130 },
];
