/** Credentials of before and who still takes them, and those of the incoming CA: all asked with curl and kubectl, as anybody would. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../command.js';
import type { Lab } from '../lab.js';
import type { KubeconfigParts } from './certificates.js';
import { curl } from './curl.js';
import { incomingClientLeaf, incomingIssuer } from './incoming-ca.js';

export interface Credentials {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export function writeCredentials(folder: string, name: string, { caPem, certificatePem, keyPem }: KubeconfigParts): Credentials {
  const write = (suffix: string, text: string): string => {
    const file = join(folder, `${name}.${suffix}`);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  return { caFile: write('ca.pem', caPem), certFile: write('crt', certificatePem), keyFile: write('key', keyPem) };
}

/** An administrator whom the incoming CA has signed, without rotate-ca. */
export async function incomingAdministrator(lab: Lab, folder: string): Promise<Credentials> {
  const leaf = await incomingClientLeaf(lab, { subject: '/O=system:masters/CN=administrator-of-after', folder, name: 'administrator-of-after' });
  const caFile = join(folder, 'incoming.ca.pem');
  writeFileSync(caFile, `${(await incomingIssuer(lab)).certificatePem.trim()}\n`, { mode: 0o600 });
  return { caFile, ...leaf };
}

/** `API server of master1: 401` of each API server and kubelet. A kubelet's certificate is its own, so nobody can verify it. */
export async function answersEverywhere(lab: Lab, { certFile, keyFile }: Pick<Credentials, 'certFile' | 'keyFile'>): Promise<string[]> {
  const servers = [
    ...lab.controlPlanes.map(({ name, ip }) => ({ who: `API server of ${name}`, url: `https://${ip}:6443/api/v1/namespaces/kube-system/pods?limit=1` })),
    ...lab.nodes.map(({ name, ip }) => ({ who: `kubelet of ${name}`, url: `https://${ip}:10250/pods` })),
  ];
  return Promise.all(servers.map(async ({ who, url }) => `${who}: ${(await curl({ url, certFile, keyFile })).status}`));
}

export function everywhere(lab: Lab, status: number): string[] {
  return [...lab.controlPlanes.map(({ name }) => `API server of ${name}: ${status}`), ...lab.nodes.map(({ name }) => `kubelet of ${name}: ${status}`)];
}

/** Whether a client that trusts this CA alone believes each API server: curl's exit, and the status. */
export async function handshakes(lab: Lab, caFile: string): Promise<string[]> {
  return Promise.all(
    lab.controlPlanes.map(async ({ name, ip }) => {
      const { exit, status } = await curl({ url: `https://${ip}:6443/readyz`, caFile });
      return `${name}: exit ${exit}, status ${status}`;
    }),
  );
}

/** kubectl through each API server, with nothing but these files: `master1: 5 nodes`, or what it said. */
export async function kubectlThroughEach(lab: Lab, { caFile, certFile, keyFile }: Credentials): Promise<string[]> {
  return Promise.all(
    lab.controlPlanes.map(async ({ name, ip }) => {
      const credential = [`--certificate-authority=${caFile}`, `--client-certificate=${certFile}`, `--client-key=${keyFile}`];
      const options = { env: { KUBECONFIG: '/dev/null' }, allowFailure: true, timeoutMs: 60_000 };
      const { code, stdout, stderr } = await runCommand(
        join(lab.paths.releaseBin, 'kubectl'),
        [`--server=https://${ip}:6443`, ...credential, 'get', 'nodes', '-o', 'name'],
        options,
      );
      return `${name}: ${code === 0 ? `${stdout.trim().split('\n').length} nodes` : stderr.trim()}`;
    }),
  );
}
