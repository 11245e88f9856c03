/** issue-root: a new self-signed root whose key stays with the issuer. That every leaf can be issued under a role is asked first, name by name. */

import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { nodesWith } from '../../domain/cluster/inventory.js';
import { failure, fail } from '../../domain/errors.js';
import { duration } from '../../domain/plan/duration.js';
import { materialFor } from '../../operations/incoming-files.js';
import { allWishes } from '../../operations/role-leaves.js';
import { artefactNames, caName } from '../../operations/run-files.js';
import { caPem, fingerprintOf } from '../../operations/trust-bundles.js';
import { limitsOf } from '../../operations/waiting.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({
  commonName: z
    .string()
    .min(1)
    .max(64)
    .default('kubernetes-ca')
    .describe('Subject CN. The serial number attribute of the subject is the run, so that each generation has its own DN.'),
  ttl: duration.prefault('43800h').describe('Validity of the incoming CA.'),
  backdate: duration.prefault('10m').describe('How far before now it begins to be valid: more than any clock differs.'),
  leafTtl: duration.prefault('17520h').describe('Validity of the leaves, which a role must allow.'),
  roles: z.array(z.string().min(1)).min(1).describe('Roles of the mount under which leaves are issued, in the order in which they are tried: one for each organisation.'),
});

type Params = z.infer<typeof params>;

export const issueRoot: StepKind<Params> = {
  name: 'issue-root',
  targets: 'cluster',
  params,
  effects: () => [],

  async preflight(site, { ttl, leafTtl, roles }) {
    await site.checkpoints.prove();
    const leaves = allWishes(site, materialFor(site.inventory), leafTtl);
    return (await site.roleIssuer(roles)).check({ caTtlMs: ttl, leaves }, { signal: site.signal });
  },

  async checkpoint(site) {
    return { files: [], objects: [], notes: { ca: caName(site) } };
  },

  async apply(site, { roles, ttl, backdate, commonName }) {
    const outgoing = await readOutgoing(site);
    site.artefacts.put(artefactNames.outgoingCa, outgoing);
    const issuer = await site.roleIssuer(roles);
    const name = caName(site);
    const found = await issuer.findCa(name, { signal: site.signal });
    const wish = { name, commonName, serialNumber: site.run.id, keyType: materialFor(site.inventory).ca.keyType, ttlMs: ttl, backdateMs: backdate };
    const { issuerId, keyId, certificatePem } = found ?? (await issuer.generateCa(wish, { signal: site.signal }));
    site.artefacts.put(artefactNames.incomingIssuer, JSON.stringify({ issuerId, keyId, roles }));
    site.artefacts.put(artefactNames.incomingCa, certificatePem);
    site.access.trustAlso(`${outgoing}${certificatePem}`);
  },

  async inspect(site) {
    return site.artefacts.get(artefactNames.incomingCa) === undefined ? 'absent' : 'present';
  },

  async verify(site) {
    const incoming = new X509Certificate(caPem(site, 'incoming'));
    if (incoming.subject !== new X509Certificate(caPem(site, 'outgoing')).subject) return [];
    return [
      failure('ca-rejected', {
        target: site.target,
        summary: 'the incoming CA cannot be used',
        cause: 'it has the subject of the outgoing CA: clients on OpenSSL would try the wrong one of the two',
        nextAction: 'Run "rotate-ca rollback": nothing trusts it yet.',
      }),
    ];
  },

  async undo(site, { roles }) {
    const issuer = await site.roleIssuer(roles);
    const found = await issuer.findCa(caName(site), { signal: site.signal });
    if (found !== undefined) await issuer.destroyCa(found, { signal: site.signal });
  },
};

/** From the file that API servers verify clients with; that it holds one certificate, the same everywhere, the plan says. */
async function readOutgoing(site: Site): Promise<string> {
  const known = site.artefacts.get(artefactNames.outgoingCa);
  if (known !== undefined) return known;
  const { ca } = materialFor(site.inventory);
  for (const node of nodesWith(site.inventory, 'control-plane')) {
    const path = node.components.find(({ name }) => name === 'kube-apiserver')?.flags['client-ca-file'];
    const file = path === undefined ? undefined : await site.shells.to(node.name).readFile(path, limitsOf(site, 30_000));
    const blocks = (file === undefined ? '' : Buffer.from(file.bytes).toString('utf8')).match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
    const planned = blocks.find((pem) => fingerprintOf(pem) === ca.fingerprint);
    if (planned !== undefined) return `${planned}\n`;
  }
  return fail('file-changed', {
    target: 'cluster',
    summary: 'no control plane holds the CA any more that the plan was made on',
    cause: `looked for the certificate of SHA-256 ${ca.fingerprint.slice(0, 16)} in --client-ca-file`,
    nextAction: 'Make a new plan.',
  });
}
