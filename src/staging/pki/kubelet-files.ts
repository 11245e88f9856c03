/** What the kubelet of a node has on its disk: configuration, flags, its client certificate behind a link, its own serving pair. */

import { stringify } from 'yaml';
import { makeCa, makeLeaf } from '../../x509/certificate-authority.js';
import type { ClusterSpec, NodeSpec } from '../spec.js';
import { componentFlags, isFirst, networks } from './component-flags.js';
import type { Authorities } from './authorities.js';
import { issueLeaf, leafValidity } from './leaves.js';
import type { PkiFile } from './pki-file.js';
import { makeStagingKeyPair } from './quick-rsa.js';

const folder = '/var/lib/kubelet/pki';
export const currentClient = `${folder}/kubelet-client-current.pem`;
export const servingCertificate = `${folder}/kubelet.crt`;

/** /var/lib/kubelet/config.yaml as kubeadm writes it from the ConfigMap kubelet-config, which has no endpoint of the runtime. */
export function kubeletConfiguration(containerRuntimeEndpoint: string): string {
  const zero = '0s';
  return stringify(
    {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      authentication: { anonymous: { enabled: false }, webhook: { cacheTTL: zero, enabled: true }, x509: { clientCAFile: '/etc/kubernetes/pki/ca.crt' } },
      authorization: { mode: 'Webhook', webhook: { cacheAuthorizedTTL: zero, cacheUnauthorizedTTL: zero } },
      cgroupDriver: 'systemd',
      clusterDNS: [networks.dnsIp],
      clusterDomain: networks.domain,
      containerRuntimeEndpoint,
      cpuManagerReconcilePeriod: zero,
      crashLoopBackOff: {},
      evictionPressureTransitionPeriod: zero,
      fileCheckFrequency: zero,
      healthzBindAddress: '127.0.0.1',
      healthzPort: 10248,
      httpCheckFrequency: zero,
      imageMaximumGCAge: zero,
      imageMinimumGCAge: zero,
      kind: 'KubeletConfiguration',
      logging: { flushFrequency: 0, options: { json: { infoBufferSize: '0' }, text: { infoBufferSize: '0' } }, verbosity: 0 },
      memorySwap: {},
      nodeStatusReportFrequency: zero,
      nodeStatusUpdateFrequency: zero,
      rotateCertificates: true,
      runtimeRequestTimeout: zero,
      shutdownGracePeriod: zero,
      shutdownGracePeriodCriticalPods: zero,
      staticPodPath: '/etc/kubernetes/manifests',
      streamingConnectionIdleTimeout: zero,
      syncFrequency: zero,
      volumeStatsAggPeriod: zero,
    },
    { lineWidth: 0, indentSeq: false },
  );
}

/** The command line of the kubelet: drop-in of the package, then kubeadm-flags.env. */
export function kubeletArguments(spec: ClusterSpec, node: NodeSpec): string[] {
  return ['/usr/bin/kubelet', ...Object.entries(componentFlags(spec, node, 'kubelet')).map(([flag, value]) => `--${flag}=${value}`)];
}

/** Leaf then key in one file of 0600 behind an absolute link (client-go util/certificate/certificate_store.go). A node that joined has a P-256 key from its bootstrap. */
export async function kubeletClientFiles(spec: ClusterSpec, node: NodeSpec, authorities: Authorities, nowMs: number): Promise<PkiFile[]> {
  const leaf = await issueLeaf(
    authorities.cluster,
    {
      path: currentClient,
      commonName: `system:node:${node.name}`,
      organizations: ['system:nodes'],
      usages: ['clientAuth'],
      keyType: isFirst(spec, node) ? spec.leafKeyType : 'ecdsa-p256',
    },
    { spec, node, nowMs },
  );
  const file = `${folder}/kubelet-client-${stamp(nowMs)}.pem`;
  return [
    { path: file, text: `${leaf.certificatePem}${leaf.keyPem.reveal()}`, mode: 0o600 },
    { path: currentClient, linkTo: file },
  ];
}

/** client-go util/cert/cert.go GenerateSelfSignedCertKeyWithFixtures: a pair under a CA that is thrown away at once, one year. */
export async function kubeletServingFiles(node: NodeSpec, nowMs: number): Promise<PkiFile[]> {
  const other = node.leaves.find((leaf) => leaf.path === servingCertificate);
  const keyType = other?.keyType ?? 'rsa-2048';
  const seconds = Math.floor(nowMs / 1000);
  const validity = { notBeforeMs: other?.notBeforeMs ?? nowMs - 60 * 60_000, notAfterMs: other?.notAfterMs ?? nowMs + leafValidity.lifetimeMs };
  const [caPair, pair] = await Promise.all([makeStagingKeyPair(keyType), makeStagingKeyPair(keyType)]);
  const ca = await makeCa({ subject: { commonName: `${node.name}-ca@${seconds}` }, keyPem: caPair.privateKeyPem, keyIdentifiers: 'ski', ...validity });
  const certificatePem = await makeLeaf({ ca, pair, subject: { commonName: `${node.name}@${seconds}` }, sans: [`DNS:${node.name}`], usages: ['serverAuth'], ...validity });
  return [
    { path: servingCertificate, text: `${certificatePem}${ca.certificatePem}`, mode: 0o644 },
    { path: `${folder}/kubelet.key`, text: pair.privateKeyPem.reveal().toString('utf8'), mode: 0o600 },
  ];
}

function stamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '-');
}
