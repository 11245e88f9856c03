import { stringify } from 'yaml';
import type { IssuedLeaf } from './issue-leaves.js';
import { nodePaths } from './folders.js';

type Credentials = Readonly<Record<'cluster' | 'user', Readonly<Record<string, string>>>>;

function kubeconfig(server: string, user: string, { cluster, user: credentials }: Credentials): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'hard-way',
    clusters: [{ name: 'hard-way', cluster: { server, ...cluster } }],
    users: [{ name: user, user: credentials }],
    contexts: [{ name: 'hard-way', context: { cluster: 'hard-way', user } }],
  });
}

/** Names the files of CA and pair. */
export function kubeconfigOfFiles(server: string, user: string, pair: string): string {
  return kubeconfig(server, user, {
    cluster: { 'certificate-authority': nodePaths.authority },
    user: { 'client-certificate': `${nodePaths.pki}/${pair}.pem`, 'client-key': `${nodePaths.pki}/${pair}-key.pem` },
  });
}

/** Holds CA and pair itself. */
export function kubeconfigWithData(server: string, user: string, leaf: IssuedLeaf): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return kubeconfig(server, user, {
    cluster: { 'certificate-authority-data': base64(leaf.authority) },
    user: { 'client-certificate-data': base64(leaf.certificate), 'client-key-data': base64(leaf.key) },
  });
}
