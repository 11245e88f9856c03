/** restart-etcd: members one by one. Only needed where etcd trusts the cluster CA: its pools are read once. */

import { z } from 'zod';
import { withAnnotation } from '../../domain/cluster/manifest.js';
import { type Inventory, nodesWith } from '../../domain/cluster/inventory.js';
import { fail, failure, RotationError, type Failure } from '../../domain/errors.js';
import { componentId } from '../../domain/trust/names.js';
import { apiServerOf, nodeOf } from '../../operations/identity-probe.js';
import { restoreFiles, rewriteSeen, saveFiles, textOf } from '../../operations/node-files.js';
import { askComponent, manifestPath, readManifest, waitForComponent } from '../../operations/static-pod.js';
import { pki } from '../../operations/run-files.js';
import { limitsOf, waitFor } from '../../operations/waiting.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({});

const annotation = 'rotate-ca/generation';
const trusted = `${pki}/etcd/ca.crt`;

export const restartEtcd: StepKind<z.infer<typeof params>> = {
  name: 'restart-etcd',
  targets: 'control-planes',
  params,
  effects: () => [],

  changes: (_p, { target }) => [{ type: 'restart', process: componentId('etcd', target) }],

  unneeded(_params, inventory) {
    return etcdSharesTheCa(inventory) ? undefined : 'etcd trusts a CA of its own (another public key than the cluster CA), so this rotation does not touch it';
  },

  /** Two of three down at once lose quorum: one wave for each member. */
  waves: (targets) => Promise.resolve(targets.map((t) => [t])),

  async preflight(site) {
    const failures: Failure[] = [];
    const manifest = await readManifest(site, 'etcd');
    if (typeof manifest !== 'string') failures.push(manifest);
    failures.push(...(await othersReady(site)));
    return failures;
  },

  async checkpoint(site) {
    return { files: await saveFiles(site.shell, [manifestPath('etcd')], limitsOf(site, 30_000)), objects: [], notes: {} };
  },

  async apply(site) {
    const [first] = await othersReady(site);
    if (first !== undefined) fail(first.code, first);
    const seen = await site.shell.readFile(manifestPath('etcd'), limitsOf(site, 30_000));
    if (seen === undefined) return;
    const text = withAnnotation(textOf(seen), annotation, `${site.run.id}-${site.run.attempt}`);
    await rewriteSeen(site.shell, manifestPath('etcd'), text, seen, limitsOf(site, 30_000));
  },

  async inspect(site) {
    const manifest = await readManifest(site, 'etcd');
    if (typeof manifest !== 'string' || withAnnotation(manifest, annotation, `${site.run.id}-${site.run.attempt}`) !== manifest) return 'absent';
    return (await askComponent(site, 'etcd', [trusted])) === true ? 'present' : 'partial';
  },

  async verify(site) {
    return [...(await waitForComponent(site, 'etcd', [trusted])), ...(await waitForMember(site))];
  },

  async undo(site, _p, checkpoint) {
    await restoreFiles(site.shell, checkpoint.files, limitsOf(site, 30_000));
    const failures = [...(await waitForComponent(site, 'etcd', [])), ...(await waitForMember(site))];
    if (failures.length > 0) throw new RotationError(failures);
  },
};

export function etcdSharesTheCa(inventory: Inventory): boolean {
  return nodesWith(inventory, 'control-plane').some((node) => {
    const keys = (path: string): string[] => (node.files.find((f) => f.path === path)?.certificates ?? []).map((c) => c.spki);
    const cluster = new Set(keys(`${pki}/ca.crt`));
    const flag = node.components.find((c) => c.name === 'etcd')?.flags['trusted-ca-file'] ?? trusted;
    return keys(flag).some((spki) => cluster.has(spki));
  });
}

/** A stacked API server uses the member of its own node: ready means that this member has quorum. */
async function othersReady(site: Site): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const node of nodesWith(site.inventory, 'control-plane')) {
    if (node.name === site.target) continue;
    const answer = await site.access.kube().at(apiServerOf(node)).get('/readyz/etcd', limitsOf(site, 30_000));
    if (answer.status !== 200) {
      failures.push(
        failure('quorum-at-risk', {
          target: node.name,
          summary: 'its etcd member is not healthy, so no other one may be restarted',
          cause: `HTTP ${answer.status}`,
          nextAction: 'Heal it, then run "rotate-ca resume".',
        }),
      );
    }
  }
  return failures;
}

function waitForMember(site: Site): Promise<Failure[]> {
  const kube = site.access.kube().at(apiServerOf(nodeOf(site)));
  return waitFor(
    site,
    {
      what: `the etcd member of ${site.target} serves its API server`,
      rule: 'R: trust pools are built once, at start',
      everyMs: 1000,
      otherwise: { code: 'quorum-at-risk', nextAction: `Look at the log of etcd on ${site.target}, then run "rotate-ca resume".` },
    },
    async () => {
      const answer = await kube.get('/readyz/etcd', limitsOf(site, 5000));
      return answer.status === 200 ? true : `HTTP ${answer.status}`;
    },
  );
}
