import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import { runCommand } from '../command.js';
import { waitFor } from '../deadline.js';
import type { Lab } from '../lab.js';

export interface ClientCertificateRequest {
  /** Name of the CertificateSigningRequest, and of the files. */
  readonly name: string;
  /** As openssl writes it: `/O=group/CN=user`. */
  readonly subject: string;
  readonly folder: string;
}

export interface ClientCertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * A client certificate from the cluster's own signer, by request and approval: of the outgoing CA before the signer
 * switch, of the incoming one after it.
 */
export async function requestClientCertificate(lab: Lab, wanted: ClientCertificateRequest): Promise<ClientCertificateFiles> {
  const keyFile = join(wanted.folder, `${wanted.name}.key`);
  const certFile = join(wanted.folder, `${wanted.name}.crt`);
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const request = await runCommand('openssl', ['req', '-new', '-nodes', ...curve, '-keyout', keyFile, '-subj', wanted.subject]);
  const object = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: wanted.name },
    spec: {
      request: Buffer.from(request.stdout).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
    },
  };
  await lab.kubectl(['delete', 'csr', wanted.name, '--ignore-not-found']);
  await lab.kubectl(['create', '-f', '-'], { input: JSON.stringify(object) });
  await lab.kubectl(['certificate', 'approve', wanted.name]);
  await waitFor(`the certificate of ${wanted.name}`, { timeoutMs: 120_000 }, async () => {
    const { stdout } = await lab.kubectl(['get', 'csr', wanted.name, '-o', 'jsonpath={.status.certificate}']);
    if (stdout === '') return 'not signed yet';
    writeFileAtomically(certFile, Buffer.from(stdout, 'base64'));
    return true;
  });
  await lab.kubectl(['delete', 'csr', wanted.name, '--ignore-not-found']);
  return { certFile, keyFile };
}
