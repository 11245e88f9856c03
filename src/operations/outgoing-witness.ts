/** A client certificate of the outgoing CA: the proof of acceptance on the way back, and of refusal after distrust. */

import { parseDocument } from 'yaml';
import { readKubeconfig } from '../domain/cluster/kubeconfig.js';
import { nodesWith } from '../domain/cluster/inventory.js';
import { Secret } from '../domain/secret.js';
import type { Site } from '../ports/step-kind.js';
import type { ClientCredential } from '../ports/tls-probe.js';
import { paths } from './run-files.js';
import { signerOf } from './trust-bundles.js';
import { limitsOf } from './waiting.js';

/**
 * That of the operator's kubeconfig, as long as it is of the outgoing CA: it may have been replaced by the new admin.conf in the middle of
 * the run. Then that of an admin.conf on a control plane, which is of the outgoing CA before renew-admins and after its undo.
 * undefined: there is none, and what depends on it cannot be asked.
 */
export async function outgoingWitness(
  site: Pick<Site, 'access' | 'artefacts' | 'target' | 'inventory' | 'shells' | 'signal' | 'deadlineAtMs' | 'now'>,
): Promise<ClientCredential | undefined> {
  const own = site.access.original();
  if (own !== undefined && signerOf(site, own.certificatePem) === 'outgoing') return own;
  for (const node of nodesWith(site.inventory, 'control-plane')) {
    const file = await site.shells.to(node.name).readFile(paths.adminConf, limitsOf(site, 15_000));
    const text = file === undefined ? '' : Buffer.from(file.bytes).toString('utf8');
    const certificatePem = text === '' ? undefined : readKubeconfig(text, paths.adminConf).clientCertificatePem;
    const key = text === '' ? undefined : embeddedKey(text);
    if (certificatePem !== undefined && key !== undefined && signerOf(site, certificatePem) === 'outgoing') return { certificatePem, key };
  }
  return undefined;
}

function embeddedKey(text: string): Secret | undefined {
  const config = parseDocument(text, { logLevel: 'error' }).toJS() as { users?: { user?: { 'client-key-data'?: string } }[] } | null;
  const data = config?.users?.[0]?.user?.['client-key-data'];
  return data === undefined ? undefined : new Secret(Buffer.from(data, 'base64'));
}
