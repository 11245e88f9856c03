import { describe, expect, it } from 'vitest';
import type { ComponentRecord, NodeRecord } from '../../domain/cluster/inventory.js';
import { listenersOf } from './listeners.js';

const listeners = (name: ComponentRecord['name'], flags: Record<string, string>): string[] =>
  listenersOf({ name: 'cp1', internalIp: '10.0.0.11', components: [{ name, version: '', flags }] } as unknown as NodeRecord).map(({ port, hosts }) => `${port} ${hosts.join(' ')}`);

const own = '10.0.0.11 127.0.0.1';

describe('listeners of a component', () => {
  it.each<[string, ComponentRecord['name'], Record<string, string>, readonly string[]]>([
    ['by default', 'kube-apiserver', {}, [`6443 ${own}`]],
    ['on a port of its own', 'kube-apiserver', { 'secure-port': '8443', 'bind-address': '::' }, [`8443 ${own}`]],
    ['on an address of its own', 'kube-apiserver', { 'bind-address': '192.0.2.7' }, ['6443 10.0.0.11 192.0.2.7 127.0.0.1']],
    ['on loopback', 'kube-controller-manager', { 'bind-address': '127.0.0.1' }, [`10257 ${own}`]],
    ['that does not listen', 'kube-scheduler', { 'secure-port': '0' }, []],
    ['with a port that is none', 'kube-scheduler', { 'secure-port': 'x' }, []],
    ['of a kubelet', 'kubelet', {}, [`10250 ${own}`]],
    ['of one that has none with TLS', 'kube-proxy', {}, []],
    [
      'of etcd, each port once',
      'etcd',
      { 'listen-client-urls': 'https://127.0.0.1:2379,https://192.0.2.7:2379,http://127.0.0.1:2381', 'listen-peer-urls': 'https://[fd00::1]:2380,x' },
      ['2379 10.0.0.11 192.0.2.7 127.0.0.1', '2380 10.0.0.11 fd00::1 127.0.0.1'],
    ],
    ['of etcd without TLS', 'etcd', {}, []],
  ])('%s', (_, name, flags, expected) => {
    expect(listeners(name, flags)).toEqual(expected);
  });
});
