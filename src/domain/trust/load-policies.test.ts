import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadPolicy } from './load-policies.js';
import { loadPolicyTable } from './load-policy-table.js';

const minors = Array.from({ length: 10 }, (_, i) => 27 + i);

describe('the table of load policies', () => {
  it('says of every row where it is known from', () => {
    const known = /^(k\/k|apiserver|client-go|kube-aggregator|etcd|no evidence)/;
    expect(loadPolicyTable.filter(({ source }) => !known.test(source))).toEqual([]);
    expect(loadPolicyTable.filter(({ inputs }) => inputs.length === 0)).toEqual([]);
  });

  it('has exactly one row for each input of each release from 1.27 to 1.36', () => {
    const pairs = loadPolicyTable.flatMap(({ component, inputs }) => inputs.map((input) => ({ component, input })));
    const wrong = pairs.flatMap(({ component, input }) =>
      minors
        .filter(
          (minor) =>
            loadPolicyTable.filter((row) => row.component === component && row.inputs.includes(input) && (row.since ?? 0) <= minor && minor <= (row.until ?? 99)).length !== 1,
        )
        .map((minor) => `${component} ${input} in 1.${minor}`),
    );
    expect(wrong).toEqual([]);
  });

  it('is the table of docs/load-policies.md', () => {
    const page = readFileSync('docs/load-policies.md', 'utf8');
    const lines = loadPolicyTable.map(({ component, inputs, policy, since, until, source, provedOn }) => {
      const releases = since === undefined && until === undefined ? 'all' : since === undefined ? `to 1.${until}` : `from 1.${since}`;
      const names = inputs.map((input) => `\`${input}\``).join(', ');
      return `| ${component} | ${names} | ${releases} | ${policy} | ${provedOn.length === 0 ? 'modelled' : `proved on ${provedOn.join(', ')}`} | ${source} |`;
    });
    expect(page.split('\n').filter((line) => /^\| (kube|flanneld|etcd|pod)/.test(line))).toEqual(lines);
  });
});

describe('the policy of an input', () => {
  it.each([
    ['kube-apiserver', 'client-ca-file', 'v1.27.0', 'hot', false],
    ['kube-apiserver', 'client-ca-file', 'v1.34.1', 'hot', true],
    ['kube-apiserver', 'kubelet-certificate-authority', 'v1.35.4', 'once', false],
    ['kube-apiserver', 'kubelet-certificate-authority', 'v1.36.0', 'polled', false],
    ['kube-apiserver', 'authentication-config', 'v1.29.9', 'once', false],
    ['kube-apiserver', 'authentication-config', 'v1.30.0', 'hot', true],
    ['kube-apiserver', 'authentication-config', 'v1.34.0', 'hot', false],
    ['kube-apiserver', 'client-ca-file', 'v1.30.14', 'hot', true],
    ['kubelet', 'tlsCertFile', 'v1.30.14', 'once', true],
    ['kubelet', 'tlsCertFile', 'v1.29.14', 'once', false],
    ['kubelet', 'tlsCertFile', 'v1.31.0', 'hot', false],
    ['kubelet', 'kubeconfig', 'v1.36.0', 'once', false],
    ['kubelet', 'kubeconfig', '1.34.2', 'once', true],
    ['kube-controller-manager', 'root-ca-file', 'v1.34.2', 'once', true],
    ['etcd', 'cert-file', '3.6.5', 'per-handshake', true],
    ['etcd', 'trusted-ca-file', '3.5.21', 'once', true],
    ['etcd', 'trusted-ca-file', '3.4.3', 'once', false],
    ['etcd', 'trusted-ca-file', '', 'once', false],
    ['pod', 'ca.crt', '', 'once', false],
    ['pod', 'ca.crt', 'v1.36.1', 'volume', false],
    // Not known: the slowest.
    ['kubelet', 'tlsCertFile', '', 'once', false],
    ['kube-apiserver', 'kubelet-certificate-authority', 'unknown', 'once', false],
    // Beyond the table: the nearest.
    ['kubelet', 'tlsCertFile', 'v1.40.0', 'hot', false],
    ['kubelet', 'tlsCertFile', 'v1.20.0', 'once', false],
    ['kubelet', 'nothing-of-the-kind', 'v1.34.1', 'once', false],
  ] as const)('%s %s of %s: %s', (component, input, version, policy, proved) => {
    expect(loadPolicy(component, input, version)).toMatchObject({ policy, proved });
  });
});
