import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { labPaths, openLab } from '../lab.js';
import { hardWayFolders } from './folders.js';
import { apiServerEnvironment, kubeletConfiguration } from './component-files.js';
import { flagsOf, manifestOf, runsAsPod } from './static-pods.js';
import { units } from './units.js';

const shape = { controlPlanes: 3, workers: 2, encryptionAlgorithm: 'RSA-2048' };
const lab = openLab({ paths: labPaths('hard-way-pods', '/nowhere'), shape });
const [master] = lab.controlPlanes;
const apiServer = units.find(({ name }) => name === 'kube-apiserver');
if (master === undefined || apiServer === undefined) throw new Error('the lab has no master, or no API server');

describe('static pods of the hard way', () => {
  it('are three of the components, in one layout', () => {
    const inPods = (of: Parameters<typeof runsAsPod>[0]): string[] => units.filter((unit) => runsAsPod(of, unit)).map(({ name }) => name);
    expect(inPods(lab)).toEqual(['kube-apiserver', 'kube-controller-manager', 'kube-scheduler']);
    expect(inPods(openLab({ paths: labPaths('hard-way', '/nowhere'), shape }))).toEqual([]);
  });

  it('have the flags that systemd would put together', () => {
    const flags = flagsOf(apiServer, apiServerEnvironment(lab, master));
    expect(flags).toContain('--client-ca-file=/etc/kubernetes/pki/ca.pem');
    expect(flags).toContain(`--advertise-address=${master.ip}`);
    expect(flags.filter((flag) => !/^--[a-z-]+(=\S+)?$/.test(flag))).toEqual([]);
  });

  it('are not named as those of kubeadm', () => {
    const { path, content = '' } = manifestOf(lab.layout, apiServer, apiServerEnvironment(lab, master));
    expect(path).toBe('/etc/kubernetes/manifests-hard/apiserver.yaml');
    expect(parse(content)).toMatchObject({ metadata: { name: 'apiserver', labels: { component: 'kube-apiserver' } }, spec: { hostNetwork: true } });
  });

  it('are read by the kubelets of masters from where they are', () => {
    expect(lab.nodes.map((node) => (parse(kubeletConfiguration(lab, node)) as { staticPodPath?: string }).staticPodPath)).toEqual([
      ...Array<string>(3).fill('/etc/kubernetes/manifests-hard'),
      ...Array<undefined>(2).fill(undefined),
    ]);
  });

  it('stand in a lab of their own, on what is built for all', () => {
    expect(hardWayFolders(lab.paths).layer).toBe('/nowhere-hard-way-pods/rootfs-layer');
    expect(lab.paths.rootfsLayers.at(-1)).toBe('/nowhere/rootfs');
  });
});
