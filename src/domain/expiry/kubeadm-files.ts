/** The files that `kubeadm certs check-expiration` knows. Paths are relative to kubeadm's folder, /etc/kubernetes. */

import type { ComponentRecord, FileRecord } from '../cluster/inventory.js';

export type KubeadmCa = 'ca' | 'etcd-ca' | 'front-proxy-ca';

export interface KubeadmFile {
  readonly name: string;
  readonly path: string;
  /** Its issuer; of a CA itself. */
  readonly ca: KubeadmCa;
  readonly isCa: boolean;
}

const leaf = (name: string, path: string, ca: KubeadmCa): KubeadmFile => ({ name, path, ca, isCa: false });
const root = (ca: KubeadmCa, path: string): KubeadmFile => ({ name: ca, path, ca, isCa: true });

/** k/k cmd/kubeadm/app/phases/certs/certlist.go and renewal/manager.go NewManager. */
export const kubeadmFiles: readonly KubeadmFile[] = [
  leaf('admin.conf', 'admin.conf', 'ca'),
  leaf('apiserver', 'pki/apiserver.crt', 'ca'),
  leaf('apiserver-etcd-client', 'pki/apiserver-etcd-client.crt', 'etcd-ca'),
  leaf('apiserver-kubelet-client', 'pki/apiserver-kubelet-client.crt', 'ca'),
  leaf('controller-manager.conf', 'controller-manager.conf', 'ca'),
  leaf('etcd-healthcheck-client', 'pki/etcd/healthcheck-client.crt', 'etcd-ca'),
  leaf('etcd-peer', 'pki/etcd/peer.crt', 'etcd-ca'),
  leaf('etcd-server', 'pki/etcd/server.crt', 'etcd-ca'),
  leaf('front-proxy-client', 'pki/front-proxy-client.crt', 'front-proxy-ca'),
  leaf('scheduler.conf', 'scheduler.conf', 'ca'),
  leaf('super-admin.conf', 'super-admin.conf', 'ca'),
  root('ca', 'pki/ca.crt'),
  root('etcd-ca', 'pki/etcd/ca.crt'),
  root('front-proxy-ca', 'pki/front-proxy-ca.crt'),
];

/** super-admin.conf came with 1.29. */
const superAdminSince = 29;

export interface Layout {
  /** `/etc/kubernetes`, or the folder that is a copy of it. */
  readonly kubernetesDir: string;
  readonly files: readonly FileRecord[];
  readonly components: readonly ComponentRecord[];
}

/** Which of kubeadm's files a node should have: none where kubeadm did not make a control plane. Of an external etcd it knows nothing. */
export function expectedOf(layout: Layout): readonly KubeadmFile[] {
  const apiserver = layout.components.find(({ name, manifest }) => name === 'kube-apiserver' && manifest !== undefined);
  const signs = [has(layout, 'admin.conf'), has(layout, 'pki/apiserver.crt'), apiserver !== undefined];
  if (signs.filter(Boolean).length < 2) return [];
  const ownEtcd = layout.components.some(({ name, manifest }) => name === 'etcd' && manifest !== undefined) || has(layout, 'pki/etcd/server.crt');
  const minor = Number(/^v1\.(\d+)/.exec(apiserver?.version ?? '')?.[1] ?? 0);
  return kubeadmFiles.filter(({ name, ca }) => (ownEtcd || ca !== 'etcd-ca') && (name !== 'super-admin.conf' || minor >= superAdminSince || has(layout, name)));
}

/**
 * kubeadm could not sign with it: the certificate of the CA is there without its key. Of etcd's CA kubeadm always says no
 * (renewal/manager.go IsExternallyManaged).
 */
export function isExternal(layout: Layout, ca: KubeadmCa): boolean {
  return ca !== 'etcd-ca' && has(layout, `pki/${ca}.crt`) && !has(layout, `pki/${ca}.key`);
}

/** The file of kubeadm that this is. */
export function kubeadmFileAt(layout: Pick<Layout, 'kubernetesDir'>, path: string): KubeadmFile | undefined {
  const relative = belowOf(layout.kubernetesDir, path);
  return relative === undefined ? undefined : kubeadmFiles.find((file) => file.path === relative);
}

/** What a certificate in a file is called: as kubeadm would call it below its pki, else by the file's own name. */
export function nameOfFile(layout: Pick<Layout, 'kubernetesDir'>, path: string): string {
  const known = kubeadmFileAt(layout, path);
  if (known !== undefined) return known.name;
  const base = path.slice(path.lastIndexOf('/') + 1);
  if (/^kubelet-client-current\.pem$/.test(base)) return 'kubelet-client';
  if (/^(kubelet-server-current\.pem|kubelet\.crt)$/.test(base)) return 'kubelet-server';
  const inPki = belowOf(`${layout.kubernetesDir}/pki`, path);
  return inPki === undefined ? base.replace(/\.(crt|pem|cer)$/, '') : inPki.replace(/\.(crt|pem|cer)$/, '').replaceAll('/', '-');
}

function has({ kubernetesDir, files }: Layout, relative: string): boolean {
  return files.some(({ path }) => path === `${kubernetesDir}/${relative}`);
}

function belowOf(folder: string, path: string): string | undefined {
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
}
