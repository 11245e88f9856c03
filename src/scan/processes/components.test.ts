import { describe, expect, it } from 'vitest';
import type { NodeFindings } from '../files/read-files.js';
import { componentsOf } from './components.js';

const pod = (name: string, container: string): string => `kind: Pod\nmetadata:\n  name: ${name}\nspec:\n  containers:\n  - ${container}\n`;
const command = (program: string): string => `command: [${program}, --a=of-the-manifest]\n    image: r.example/any:v1`;
const running = { component: 'kube-apiserver', args: ['/usr/local/bin/kube-apiserver', '--a=of-the-process'] };

function found({ pods = [running], manifests = {} }: { pods?: NodeFindings['pods']; manifests?: Readonly<Record<string, string>> }): object[] {
  const findings: NodeFindings = { files: [], manifests: new Map(Object.entries(manifests)), tools: new Set(), kubelet: undefined, units: [], pods, startedAtMs: new Map() };
  return componentsOf(findings, 'v1.34.4').map(({ name, flags, manifest, pod: of }) => ({
    name,
    a: flags.a,
    ...(manifest === undefined ? {} : { manifest }),
    ...(of === undefined ? {} : { pod: of }),
  }));
}

describe('a component in a pod on the network of the host', () => {
  const own = '/etc/kubernetes/manifests-hard/apiserver.yaml';
  const asFound = { name: 'kube-apiserver', a: 'of-the-process', pod: { manifest: own } };
  it.each<[string, Readonly<Record<string, string>>, object]>([
    ['has the manifest whose command runs it', { [own]: pod('apiserver', command('/usr/local/bin/kube-apiserver')) }, asFound],
    ['has the manifest whose image is named after it', { [own]: pod('apiserver', 'image: r.example:5000/k8s/kube-apiserver:v1@sha256:00\n    args: [--a=b]') }, asFound],
    ['has it although its pod is named as that of kubeadm', { [own]: pod('kube-apiserver', command('kube-apiserver')) }, asFound],
    [
      'has it among others, and beside what is no manifest',
      { '/m/a.yaml': 'a: [', '/m/b.yaml': pod('kube-apiserver', command('proxy')), [own]: pod('x', command('kube-apiserver')) },
      asFound,
    ],
    ['has none where no container runs it', { [own]: pod('kube-apiserver', command('proxy')) }, { ...asFound, pod: {} }],
    ['has none where there is no folder', {}, { ...asFound, pod: {} }],
    [
      'has one in the folder of kubeadm under another name',
      { '/etc/kubernetes/manifests/a.yaml': pod('a', command('kube-apiserver')) },
      { ...asFound, pod: { manifest: '/etc/kubernetes/manifests/a.yaml' } },
    ],
  ])('%s', (_, manifests, expected) => {
    expect(found({ manifests })).toEqual([expected]);
  });

  it('is recorded once while an earlier one ends', () => {
    expect(found({ pods: [running, running] })).toEqual([{ name: 'kube-apiserver', a: 'of-the-process', pod: {} }]);
  });

  it('is that of kubeadm where the manifest is', () => {
    const path = '/etc/kubernetes/manifests/kube-apiserver.yaml';
    expect(found({ manifests: { [path]: pod('kube-apiserver', command('kube-apiserver')) } })).toEqual([{ name: 'kube-apiserver', a: 'of-the-manifest', manifest: path }]);
  });
});
