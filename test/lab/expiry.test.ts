/** rotate-ca expiry against kubeadm's own `certs check-expiration`, on the real cluster, fresh. Reads only. */

import { beforeAll, describe, expect, it } from 'vitest';
import { freshLab } from '../../lab/tests/fresh-lab.js';
import { asRoot } from '../../lab/tests/node-script.js';
import type { Lab } from '../../lab/lab.js';
import { labEnvironment } from '../../lab/access/environment.js';
import { type CliResult, runCli } from '../support/cli.js';

interface Row {
  readonly name: string;
  readonly expirationDate?: string;
  readonly externallyManaged?: boolean;
  readonly caName?: string;
  readonly missing: boolean;
  readonly node?: string;
  readonly path?: string;
}
interface Report {
  readonly certificates: readonly Row[];
  readonly certificateAuthorities: readonly Row[];
}

let lab: Lab;
let env: Readonly<Record<string, string>>;
let all: Report;
const expiry = (args: readonly string[], without: readonly string[] = []): Promise<CliResult> =>
  runCli(['expiry', ...args], { env: Object.fromEntries(Object.entries(env).filter(([name]) => !without.includes(name))) });
const controlPlanes = (): string[] => lab.nodes.filter(({ role }) => role === 'control-plane').map(({ name }) => name);

/** kubeadm writes a line about where it has read its configuration before the JSON. */
async function kubeadm(node: string): Promise<Report> {
  const { stdout } = await asRoot(lab, node, 'kubeadm certs check-expiration -o json 2>/dev/null');
  return JSON.parse(stdout.slice(stdout.indexOf('{'))) as Report;
}

describe('the same as kubeadm says', () => {
  beforeAll(async () => {
    lab = await freshLab();
    env = labEnvironment(lab);
    const { code, stdout, stderr } = await expiry(['-o', 'json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    all = JSON.parse(stdout) as Report;
  });

  it('rows and dates of each control plane, for the files that it knows', async () => {
    for (const node of controlPlanes()) {
      const theirs = await kubeadm(node);
      expect(theirs.certificates.length).toBeGreaterThanOrEqual(10);
      const named = new Set(theirs.certificates.map(({ name }) => name));
      const ours = all.certificates.filter((row) => row.node === node && named.has(row.name));
      expect(
        ours.map(({ name, expirationDate, externallyManaged, caName, missing }) => ({ name, missing, ...(missing ? {} : { expirationDate, externallyManaged, caName }) })),
      ).toEqual(
        theirs.certificates.map(({ name, expirationDate, externallyManaged, caName, missing }) => ({
          name,
          missing,
          ...(missing ? {} : { expirationDate, externallyManaged, caName }),
        })),
      );
      const caNames = new Set(theirs.certificateAuthorities.map(({ name }) => name));
      const cas = all.certificateAuthorities.filter((row) => row.node === node && /\/pki\/(etcd\/)?(front-proxy-)?ca\.crt$/.test(row.path ?? '') && caNames.has(row.name));
      expect(cas.map(({ name, expirationDate, externallyManaged }) => ({ name, expirationDate, externallyManaged }))).toEqual(
        theirs.certificateAuthorities.map(({ name, expirationDate, externallyManaged }) => ({ name, expirationDate, externallyManaged })),
      );
    }
  });

  it('as text too, line by line, where the nodes do not differ by a minute', async () => {
    const [first = ''] = controlPlanes();
    const { stdout } = await asRoot(lab, first, 'kubeadm certs check-expiration 2>/dev/null');
    const { stdout: own } = await expiry(['-o', 'wide']);
    const words = (line: string): string => line.trim().split(/ {3,}/).join(' | ');
    const ours = new Set(own.split('\n').map((line) => words(line.replace(new RegExp(` +${first} +/.*$`), ''))));
    const theirs = stdout.split('\n').filter((line) => / UTC /.test(line));
    expect(theirs.length).toBeGreaterThanOrEqual(13);
    expect(theirs.map(words).filter((line) => !ours.has(line))).toEqual([]);
  });

  it('both pairs of each kubelet, which kubeadm does not know', () => {
    const pairs = all.certificates.filter(({ name }) => /^kubelet-(client|server)$/.test(name)).map(({ name, node }) => `${node} ${name}`);
    expect(pairs.toSorted()).toEqual(lab.nodes.flatMap(({ name }) => [`${name} kubelet-client`, `${name} kubelet-server`]).toSorted());
  });
});

describe('with what it can reach', () => {
  it('over SSH alone', async () => {
    const { code, stdout } = await expiry(['-o', 'wide'], ['KUBECONFIG']);
    expect({ code, hasObjects: stdout.includes('ConfigMap'), hasNodes: stdout.includes('/etc/kubernetes/pki/apiserver.crt') }).toEqual({
      code: 0,
      hasObjects: false,
      hasNodes: true,
    });
  });

  it('over the API alone', async () => {
    const { code, stdout } = await expiry(['-o', 'wide'], ['ROTATE_CA_INVENTORY']);
    expect({ code, hasObjects: stdout.includes('ConfigMap kube-public/cluster-info'), hasNodes: stdout.includes('apiserver.crt') }).toEqual({
      code: 0,
      hasObjects: true,
      hasNodes: false,
    });
  });

  it.each([
    ['20000d', 2],
    ['1h', 0],
  ])('--within %s ends with %i', async (within, expected) => {
    expect((await expiry(['--within', within])).code).toBe(expected);
  });
});
