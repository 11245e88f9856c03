/** issue-ca: a new self-signed root for this cluster and generation, its key staged on the control planes and nowhere else. */

import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { duration } from '../../domain/plan/duration.js';
import { nodesWith } from '../../domain/cluster/inventory.js';
import { fail, failure, type Failure } from '../../domain/errors.js';
import { Secret } from '../../domain/secret.js';
import { readKeyType } from '../../operations/leaf-on-node.js';
import { artefactNames, caName, paths, stagingDir } from '../../operations/run-files.js';
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
  ttl: duration.prefault('87600h').describe('Validity of the incoming CA.'),
  backdate: duration.prefault('10m').describe('How far before now it begins to be valid: more than any clock differs.'),
});

type Params = z.infer<typeof params>;

const keyFile = (site: Site): string => `${stagingDir(site)}/incoming-ca.key`;
const crtFile = (site: Site): string => `${stagingDir(site)}/incoming-ca.crt`;

export const issueCa: StepKind<Params> = {
  name: 'issue-ca',
  targets: 'cluster',
  params,
  effects: () => [],

  async preflight(site, { ttl }) {
    await site.checkpoints.prove();
    return site.issuer.check({ caTtlMs: ttl }, { signal: site.signal });
  },

  async checkpoint(site) {
    return { files: [], objects: [], notes: { ca: caName(site) } };
  },

  async apply(site, p) {
    const outgoing = await readOutgoing(site);
    site.artefacts.put(artefactNames.outgoingCa, outgoing);
    if ((await this.inspect(site, p)) === 'present') return;
    const name = caName(site);
    const found = await site.issuer.findCa(name, { signal: site.signal });
    const kept = found === undefined ? undefined : await keyFromAnyNode(site, found.certificatePem);
    if (found !== undefined && kept === undefined) {
      // Its key left the issuer once and reached no node: nobody holds it, so nobody can have used it.
      site.tell(`a CA of this run was made before, but its key reached no node: it is deleted at the issuer and made again`);
      await site.issuer.destroyCa(found, { signal: site.signal });
    }
    const ca =
      found !== undefined && kept !== undefined
        ? { ...found, key: kept }
        : await site.issuer.generateCa(
            { name, commonName: p.commonName, serialNumber: site.run.id, keyType: readKeyType(outgoing), ttlMs: p.ttl, backdateMs: p.backdate },
            { signal: site.signal },
          );
    await deliver(site, ca);
    site.artefacts.put(artefactNames.incomingIssuer, JSON.stringify({ issuerId: ca.issuerId, keyId: ca.keyId }));
    site.artefacts.put(artefactNames.incomingCa, ca.certificatePem);
    site.access.trustAlso(ca.certificatePem);
  },

  async inspect(site) {
    const pem = site.artefacts.get(artefactNames.incomingCa);
    const staged = await Promise.all(controlPlanes(site).map((node) => site.shells.to(node).readFile(crtFile(site), limitsOf(site, 30_000))));
    if (pem === undefined) return staged.some((s) => s !== undefined) ? 'partial' : 'absent';
    return staged.every((s) => s !== undefined && Buffer.from(s.bytes).toString('utf8') === pem) ? 'present' : 'partial';
  },

  async verify(site) {
    const pem = caPem(site, 'incoming');
    const ca = new X509Certificate(pem);
    const failures: Failure[] = [];
    if (fingerprintOf(pem) === fingerprintOf(caPem(site, 'outgoing')) || ca.subject === new X509Certificate(caPem(site, 'outgoing')).subject) {
      failures.push(rejected(site, 'it has the subject of the outgoing CA: clients on OpenSSL would try the wrong one of the two'));
    }
    for (const node of controlPlanes(site)) {
      // At the end of a run its folder is gone: then the key lies where it is used, and the steps that put it there vouch for it.
      const key = keyFile(site);
      const out = await site.shells
        .to(node)
        .must(`date +%s; if [ -e '${key}' ] && command -v openssl >/dev/null; then openssl pkey -in '${key}' -pubout 2>/dev/null; fi`, limitsOf(site, 30_000));
      const [clock = '0', ...rest] = out.split('\n');
      const publicKey = rest.join('\n').trim();
      if (Number(clock) * 1000 < Date.parse(ca.validFrom)) failures.push(rejected(site, `it is not yet valid by the clock of ${node}`));
      const expected = ca.publicKey.export({ type: 'spki', format: 'pem' }).toString().trim();
      if (publicKey !== '' && publicKey !== expected) failures.push(rejected(site, `the key on ${node} is not the key of the certificate`));
    }
    return failures;
  },

  async undo(site) {
    for (const node of controlPlanes(site)) {
      await site.shells.to(node).must(`rm -f '${keyFile(site)}' '${crtFile(site)}'`, limitsOf(site, 30_000));
    }
    const found = await site.issuer.findCa(caName(site), { signal: site.signal });
    if (found !== undefined) await site.issuer.destroyCa(found, { signal: site.signal });
  },
};

function controlPlanes(site: Site): string[] {
  return nodesWith(site.inventory, 'control-plane').map((n) => n.name);
}

async function readOutgoing(site: Site): Promise<string> {
  const [first] = controlPlanes(site);
  const known = site.artefacts.get(artefactNames.outgoingCa);
  if (known !== undefined) return known;
  const file = first === undefined ? undefined : await site.shells.to(first).readFile(paths.ca, limitsOf(site, 30_000));
  const blocks = (file === undefined ? '' : Buffer.from(file.bytes).toString('utf8')).match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  const [only] = blocks;
  if (only === undefined || blocks.length !== 1) {
    return fail('ca-unexpected', {
      target: first ?? 'cluster',
      summary: `${paths.ca} holds ${blocks.length} certificates instead of one`,
      cause: 'an earlier rotation may have stopped half-way',
      nextAction: 'Finish or take back the earlier rotation first.',
    });
  }
  return `${only}\n`;
}

async function keyFromAnyNode(site: Site, certificatePem: string): Promise<Secret | undefined> {
  for (const node of controlPlanes(site)) {
    const shell = site.shells.to(node);
    const crt = await shell.readFile(crtFile(site), limitsOf(site, 30_000));
    if (crt === undefined || fingerprintOf(Buffer.from(crt.bytes).toString('utf8')) !== fingerprintOf(certificatePem)) continue;
    const key = await shell.readFile(keyFile(site), limitsOf(site, 30_000));
    if (key !== undefined) return new Secret(key.bytes);
  }
  return undefined;
}

/** Key before certificate: where the certificate lies, the key lies too. */
async function deliver(site: Site, ca: { certificatePem: string; key: Secret }): Promise<void> {
  for (const node of controlPlanes(site)) {
    const shell = site.shells.to(node);
    await shell.must(`umask 077; mkdir -p '${stagingDir(site)}'`, limitsOf(site, 30_000));
    await shell.replaceFiles(
      [
        { path: keyFile(site), bytes: ca.key, mode: '0600', uid: 0, gid: 0 },
        { path: crtFile(site), bytes: Buffer.from(ca.certificatePem), mode: '0644', uid: 0, gid: 0 },
      ],
      limitsOf(site, 30_000),
    );
  }
}

function rejected(site: Site, cause: string): Failure {
  return failure('ca-rejected', { target: site.target, summary: 'the incoming CA cannot be used', cause, nextAction: 'Run "rotate-ca rollback": nothing trusts it yet.' });
}
