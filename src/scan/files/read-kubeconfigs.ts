/** Kubeconfigs of a node that cannot be used, by what the script has let through of them. Never throws for what is in them. */

import type { ScanFinding, Unseen } from '../../domain/cluster/inventory.js';
import { kubeconfigLines, lineOfFailure, readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import { failuresOf } from '../../domain/errors.js';
import { findCertificates } from '../../domain/pki/certificate.js';

/** `text`: one line for each line of the file, those that may not be seen empty. */
export function findingsOfKubeconfig(place: string, text: string): { readonly findings: readonly ScanFinding[]; readonly unseen: readonly Unseen[] } {
  if (isInFlowStyle(text)) return { findings: [], unseen: [{ place, why: 'it is not written as one value a line: whether it can be used was not seen' }] };
  const broken = (line: number, meaning: string): ScanFinding => ({ code: 'kubeconfig-broken', place: `${place}:${line}`, meaning: `${meaning}: whoever reads it fails` });
  try {
    const { caPem = '', clientCertificatePem = '' } = readKubeconfig(text, place);
    const lines = kubeconfigLines(text);
    const empty = { 'certificate-authority-data': caPem, 'client-certificate-data': clientCertificatePem };
    const findings = Object.entries(empty)
      .filter(([, pem]) => pem !== '' && findCertificates(pem).length === 0)
      .map(([key]) => broken(lines[key] ?? 1, `${key} holds no certificate`));
    return { findings, unseen: [] };
  } catch (error) {
    const [first] = failuresOf(error) ?? [];
    if (first === undefined) throw error;
    return { findings: [broken(lineOfFailure(first), first.cause)], unseen: [] };
  }
}

/** Of a map or list in braces only a part may have come. */
function isInFlowStyle(text: string): boolean {
  return /^\s*# withheld$|(?:^|:|-)[ \t]*[{[](?![ \t]*[}\]])/m.test(text);
}
