/** What a control plane needs beside the flags so that its API server writes an audit log: a policy, and the two folders in its container. */

import { dirname } from 'node:path';
import { componentFlags } from './component-flags.js';
import type { PkiFile } from './pki-file.js';
import type { ClusterSpec, NodeSpec } from '../spec.js';

/** That of the lab (lab/cluster/audit-policy.ts): who did what with which credential. Probes come so often that they would drown the rest. */
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    verbs: [get]
    nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]
  - level: Metadata
`;

interface AuditPaths {
  readonly log: string | undefined;
  readonly policy: string | undefined;
}

function auditPaths(spec: ClusterSpec, node: NodeSpec): AuditPaths {
  const flags = componentFlags(spec, node, 'kube-apiserver');
  const absolute = (path: string | undefined): string | undefined => (path?.startsWith('/') === true ? path : undefined);
  return { log: absolute(flags['audit-log-path']), policy: absolute(flags['audit-policy-file']) };
}

/** Empty where the flags name no policy. */
export function auditFiles(spec: ClusterSpec, node: NodeSpec): PkiFile[] {
  const { policy } = auditPaths(spec, node);
  return policy === undefined ? [] : [{ path: policy, text: auditPolicy, mode: 0o600 }];
}

/** As an operator of kubeadm gives them in `extraVolumes`. */
export function auditMounts(spec: ClusterSpec, node: NodeSpec): { readonly name: string; readonly path: string; readonly type: 'DirectoryOrCreate'; readonly writable?: true }[] {
  const { log, policy } = auditPaths(spec, node);
  return [
    ...(policy === undefined ? [] : [{ name: 'audit-policy', path: dirname(policy), type: 'DirectoryOrCreate' as const }]),
    ...(log === undefined || dirname(log) === dirname(policy ?? '')
      ? []
      : [{ name: 'audit-log', path: dirname(log), type: 'DirectoryOrCreate' as const, writable: true as const }]),
  ];
}
