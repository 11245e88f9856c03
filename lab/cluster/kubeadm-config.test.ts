import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { labPaths, openLab } from '../lab.js';
import type { LayoutName } from '../layout.js';
import { kubeadmConfig } from './kubeadm-config.js';

const shape = { controlPlanes: 3, workers: 2, encryptionAlgorithm: 'RSA-2048' };
const clusterOf = (layout: LayoutName): Record<string, unknown> => {
  const documents = parseAllDocuments(kubeadmConfig(openLab({ paths: labPaths(layout, '/nowhere'), shape }))).map((document) => document.toJS() as Record<string, unknown>);
  return documents.find(({ kind }) => kind === 'ClusterConfiguration') ?? {};
};

describe('the configuration for kubeadm', () => {
  it('of 1.34 has flags as a list, and an algorithm', () => {
    const { apiVersion, kubernetesVersion, encryptionAlgorithm, apiServer } = clusterOf('kubeadm');
    expect({ apiVersion, kubernetesVersion, encryptionAlgorithm }).toEqual({ apiVersion: 'kubeadm.k8s.io/v1beta4', kubernetesVersion: 'v1.34.4', encryptionAlgorithm: 'RSA-2048' });
    expect((apiServer as { extraArgs: unknown }).extraArgs).toContainEqual({ name: 'audit-log-maxsize', value: '100' });
  });

  it('of 1.30 has flags as a map, and no algorithm', () => {
    const { apiVersion, kubernetesVersion, encryptionAlgorithm, apiServer } = clusterOf('kubeadm-1.30');
    expect({ apiVersion, kubernetesVersion, encryptionAlgorithm }).toEqual({ apiVersion: 'kubeadm.k8s.io/v1beta3', kubernetesVersion: 'v1.30.14', encryptionAlgorithm: undefined });
    expect((apiServer as { extraArgs: unknown }).extraArgs).toMatchObject({ 'audit-log-maxsize': '100' });
  });
});

describe('what is built', () => {
  it('of 1.30 lies in the folder of its own lab, but for what no release changes', () => {
    const { bin, releaseBin, images, releaseImages, containerdTemplate, rootfsLayers } = labPaths('kubeadm-1.30', '/lab');
    expect({ bin, releaseBin, images, releaseImages, containerdTemplate, rootfsLayers }).toEqual({
      bin: '/lab/bin',
      releaseBin: '/lab-kubeadm-1.30/bin',
      images: '/lab/images',
      releaseImages: '/lab-kubeadm-1.30/images',
      containerdTemplate: '/lab-kubeadm-1.30/containerd-template',
      rootfsLayers: ['/lab-kubeadm-1.30/rootfs-layer', '/lab/rootfs'],
    });
  });

  it.each(['kubeadm', 'proof', 'hard-way'] as const)('of 1.34 is shared, for layout %s too', (layout) => {
    const { bin, releaseBin, images, releaseImages, containerdTemplate } = labPaths(layout, '/lab');
    expect([releaseBin, releaseImages, containerdTemplate]).toEqual([bin, images, '/lab/containerd-template']);
  });
});
