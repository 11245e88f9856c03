import { describe, expect, it } from 'vitest';
import { readStaticManifest } from './static-manifest.js';

const path = '/etc/kubernetes/manifests/kube-scheduler.yaml';
const text = `apiVersion: v1
kind: Pod
metadata:
  labels:
    component: kube-scheduler
  name: kube-scheduler
  namespace: kube-system
spec:
  containers:
  - command:
    - kube-scheduler
    - --kubeconfig=/etc/kubernetes/scheduler.conf
    image: registry.k8s.io/kube-scheduler:v1.34.4
    name: kube-scheduler
    volumeMounts:
    - mountPath: /etc/kubernetes/scheduler.conf
      name: kubeconfig
      readOnly: true
  volumes:
  - hostPath:
      path: /etc/kubernetes/scheduler.conf
      type: FileOrCreate
    name: kubeconfig
status: {}
`;
const uidOf = (changed: string, at = path, node = 'cp1'): string => readStaticManifest(changed, at, node).uid;

describe('the identity of a static pod', () => {
  it.each([
    ['the same bytes', text],
    ['a comment more', `# kept by hand\n${text}`],
    ['another order of keys', text.replace('  name: kube-scheduler\n  namespace: kube-system\n', '  namespace: kube-system\n  name: kube-scheduler\n')],
  ])('stays with %s', (_, changed) => {
    expect(uidOf(changed)).toBe(uidOf(text));
  });

  it.each([
    ['an annotation', text.replace('metadata:\n', 'metadata:\n  annotations:\n    rotate-ca/generation: "1"\n'), path, 'cp1'],
    ['a flag', text.replace('scheduler.conf\n    image', 'scheduler.conf\n    - --v=2\n    image'), path, 'cp1'],
    ['another file', text, `${path}.bak`, 'cp1'],
    ['another node', text, path, 'cp2'],
  ])('changes with %s', (_, changed, at, node) => {
    expect(uidOf(changed, at, node)).not.toBe(uidOf(text));
  });

  it('joins volumes and mounts', () => {
    expect(readStaticManifest(text, path, 'cp1')).toMatchObject({
      name: 'kube-scheduler',
      args: ['kube-scheduler', '--kubeconfig=/etc/kubernetes/scheduler.conf'],
      mounts: [{ hostPath: '/etc/kubernetes/scheduler.conf', containerPath: '/etc/kubernetes/scheduler.conf' }],
    });
  });

  it.each(['', 'kind: ConfigMap', 'kind: Pod\nmetadata: {}\n', '{'])('refuses %j', (broken) => {
    expect(() => uidOf(broken)).toThrow();
  });
});
