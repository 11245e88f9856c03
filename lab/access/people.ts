import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { writeFileAtomically } from '../atomic-file.js';
import { runCommand } from '../command.js';
import { apiEndpoint, type Lab } from '../lab.js';

interface Person {
  readonly name: string;
  readonly role: 'view' | 'edit';
}

/** A human and a CI system, each with a client certificate that the cluster CA signed on request. */
const people: readonly Person[] = [
  { name: 'alice', role: 'view' },
  { name: 'ci', role: 'edit' },
];

export function kubeconfigOf(lab: Lab, person: string): string {
  return join(lab.paths.people, `${person}.kubeconfig`);
}

async function signedCertificate(lab: Lab, person: Person, request: string): Promise<string> {
  const csr = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: `person-${person.name}` },
    spec: {
      request: Buffer.from(request).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
    },
  };
  await lab.kubectl(['delete', 'csr', csr.metadata.name, '--ignore-not-found']);
  await lab.kubectl(['create', '-f', '-'], { input: JSON.stringify(csr) });
  await lab.kubectl(['certificate', 'approve', csr.metadata.name]);
  for (let attempt = 0; attempt < 60; attempt += 1) {
    const { stdout } = await lab.kubectl(['get', 'csr', csr.metadata.name, '-o', 'jsonpath={.status.certificate}']);
    if (stdout !== '') return stdout;
    await sleep(250);
  }
  throw new Error(`kube-controller-manager signed nothing for ${person.name} within 15 s`);
}

async function addPerson(lab: Lab, person: Person): Promise<void> {
  const keyFile = join(lab.paths.people, `${person.name}.key`);
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const request = await runCommand('openssl', ['req', '-new', '-nodes', ...curve, '-keyout', keyFile, '-subj', `/O=lab/CN=${person.name}`]);
  const certificate = await signedCertificate(lab, person, request.stdout);
  const { stdout: authority } = await lab.kubectl(['config', 'view', '--raw', '-o', 'jsonpath={.clusters[0].cluster.certificate-authority-data}']);
  const binding = `kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: person-${person.name}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${person.role}}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ${person.name}}]
`;
  await lab.kubectl(['apply', '-f', '-'], { input: binding });
  const context = `${person.name}@lab`;
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context,
    clusters: [{ name: 'lab', cluster: { server: `https://${apiEndpoint(lab.layout)}`, 'certificate-authority-data': authority } }],
    users: [{ name: person.name, user: { 'client-certificate-data': certificate, 'client-key-data': readFileSync(keyFile).toString('base64') } }],
    contexts: [{ name: context, context: { cluster: 'lab', user: person.name } }],
  };
  writeFileAtomically(kubeconfigOf(lab, person.name), stringify(kubeconfig));
}

export async function addPeople(lab: Lab): Promise<boolean> {
  const missing = people.filter((person) => !existsSync(kubeconfigOf(lab, person.name)));
  mkdirSync(lab.paths.people, { recursive: true, mode: 0o700 });
  await Promise.all(missing.map((person) => addPerson(lab, person)));
  return missing.length > 0;
}
