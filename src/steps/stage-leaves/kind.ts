/** stage-leaves: each leaf is issued once, and staged under another name wherever its pair lies; so is every file that trusts the CA. Nothing is live yet. */

import { z } from 'zod';
import pLimit from 'p-limit';
import { failure, type Failure } from '../../domain/errors.js';
import type { Identity, Material } from '../../domain/cluster/material.js';
import { duration } from '../../domain/plan/duration.js';
import type { Secret } from '../../domain/secret.js';
import { incomingDir, materialFor, pathsOn } from '../../operations/incoming-files.js';
import { type LivePair, fitsWish, liveFiles, stagedPairs, stagedText } from '../../operations/staged-leaves.js';
import { wishOf } from '../../operations/role-leaves.js';
import { incomingIssuer } from '../../operations/run-files.js';
import { limitsOf } from '../../operations/waiting.js';
import type { Inspection, Site, StepKind } from '../../ports/step-kind.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';

const params = z.strictObject({ ttl: duration.prefault('17520h').describe('Validity of the leaves.') });

type Params = z.infer<typeof params>;

/** Keys are made here, on one processor, and Vault signs: a few at once keep both busy. */
const issuedAtOnce = 4;
const nodesAtOnce = 16;

export const stageLeaves: StepKind<Params> = {
  name: 'stage-leaves',
  targets: 'cluster',
  params,
  staged: 'proves',
  effects: () => [],

  async preflight() {
    return [];
  },

  async checkpoint() {
    return { files: [], objects: [], notes: {} };
  },

  async apply(site, p) {
    const material = materialFor(site.inventory);
    const staged = await stagedPairs(site, material);
    const limit = pLimit(issuedAtOnce);
    const pairs = new Map(
      await Promise.all(material.identities.map((identity) => limit(async () => [identity.name, await pairOf(site, p, identity, staged.get(identity.name))] as const))),
    );
    const atNode = pLimit(nodesAtOnce);
    await Promise.all(site.inventory.nodes.map(({ name }) => atNode(() => stageOn(site, material, name, pairs))));
    const shared = material.identities.filter(({ places }) => new Set(places.map(({ node }) => node)).size > 1);
    site.tell(
      `${material.identities.length} leaves of the incoming CA are staged in ${incomingDir(site)}; the same on several nodes: ${shared.map(({ commonName, places }) => `${commonName} (${places.length})`).join(', ') || 'none'}`,
    );
  },

  async inspect(site, p): Promise<Inspection> {
    const missing = await missingOf(site, p);
    return missing.length === 0 ? 'present' : 'partial';
  },

  async verify(site, p) {
    return missingOf(site, p);
  },

  async undo(site) {
    for (const { name } of site.inventory.nodes) await site.shells.to(name).must(`rm -rf '${incomingDir(site)}'`, limitsOf(site, 30_000));
  },
};

/** The pair that is staged already, or a new one: a leaf that has been issued and is whole is not issued again. */
async function pairOf(site: Site, { ttl }: Params, identity: Identity, staged: readonly LivePair[] | undefined): Promise<LivePair> {
  const wish = wishOf(identity, ttl);
  const good = staged?.find((pair) => fitsWish(site, pair, wish));
  if (good !== undefined) return good;
  const { issuerId, roles = [] } = incomingIssuer(site);
  const pair = await makeKeyPair(wish.keyType);
  const csrPem = await makeRequest({ privateKeyPem: pair.privateKeyPem, subject: { organizations: wish.organizations, commonName: wish.commonName }, sans: wish.sans });
  const certificatePem = await (await site.roleIssuer(roles)).sign({ issuerId, csrPem, leaf: wish }, { signal: site.signal });
  return { certificatePem, key: pair.privateKeyPem };
}

async function stageOn(site: Site, material: Material, node: string, pairs: ReadonlyMap<string, { certificatePem: string; key: Secret }>): Promise<void> {
  const shell = site.shells.to(node);
  const paths = pathsOn(material, node);
  const live = await liveFiles(site, node, paths);
  const folders = [...new Set(paths.map((path) => `${incomingDir(site)}${path.slice(0, path.lastIndexOf('/'))}`))];
  await shell.must(`set -eu; umask 077; mkdir -p ${folders.map((folder) => `'${folder}'`).join(' ')}`, limitsOf(site, 30_000));
  const files = [...live].map(([path, { mode, uid, gid, label, text }]) => ({
    path: `${incomingDir(site)}${path}`,
    bytes: stagedText(site, material, { node, path, text }, pairs),
    mode,
    uid,
    gid,
    ...(label === undefined ? {} : { label }),
  }));
  await shell.replaceFiles(files, limitsOf(site, 60_000));
}

/** What is not staged as it must be: each leaf verifies against the incoming CA, its key is its own, and no name that is served gets lost. */
async function missingOf(site: Site, { ttl }: Params): Promise<Failure[]> {
  const material = materialFor(site.inventory);
  const staged = await stagedPairs(site, material);
  return material.identities.flatMap((identity) => {
    const pairs = staged.get(identity.name) ?? [];
    const wish = wishOf(identity, ttl);
    const good = pairs.filter((pair) => fitsWish(site, pair, wish));
    const one = new Set(good.map(({ certificatePem }) => certificatePem));
    if (good.length === identity.places.length && one.size === 1) return [];
    return [
      failure('file-missing', {
        target: identity.commonName,
        summary: `its leaf of the incoming CA is staged in ${good.length} of ${identity.places.length} places`,
        cause: one.size > 1 ? 'they are not the same, and they were one before' : 'a file is missing, or is not what was issued',
        nextAction: 'Run "rotate-ca resume": what is missing is staged again.',
      }),
    ];
  });
}
