/** put-in-place: what is staged becomes live, all of it at once on a node, by rename. For everything that reloads this is the cutover, not the restart that follows. */

import { z } from 'zod';
import { failure, type Failure, RotationError } from '../../domain/errors.js';
import type { Inventory } from '../../domain/cluster/inventory.js';
import type { Change } from '../../domain/trust/changes.js';
import { filePlace } from '../../domain/trust/names.js';
import { adoptKubeconfig } from '../../operations/engine-credential.js';
import { incomingDir, materialFor, pathsOn } from '../../operations/incoming-files.js';
import { restoreFiles, saveFiles } from '../../operations/node-files.js';
import { besides } from '../../operations/run-files.js';
import { limitsOf } from '../../operations/waiting.js';
import type { Inspection, Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({});

export const putInPlace: StepKind<z.infer<typeof params>> = {
  name: 'put-in-place',
  targets: 'nodes',
  params,
  staged: 'proves',
  takesApiAway: () => ['forward', 'back'],
  effects: () => [
    { type: 'cutover', edge: 'begins' },
    { type: 'trusts', verifier: 'servers', cas: ['incoming'] },
    { type: 'presents', presenter: 'api-servers', ca: 'incoming' },
    { type: 'presents', presenter: 'api-servers-to-kubelets', ca: 'incoming' },
    { type: 'presents', presenter: 'etcd-clients', ca: 'incoming' },
    { type: 'trusts', verifier: 'admins', cas: ['incoming'] },
    { type: 'presents', presenter: 'admins', ca: 'incoming' },
  ],

  changes: (_p, { inventory, target }) => changesOf(inventory, target),

  async preflight(site) {
    const { live, staged } = await sums(site);
    return pathsOf(site).flatMap((path): Failure[] => {
      if (live.has(path) && staged.has(path)) return [];
      return [
        failure('file-missing', {
          target: site.target,
          summary: live.has(path) ? `nothing is staged for ${path}` : `${path} is not there any more`,
          cause: 'somebody has removed it since it was staged',
          nextAction: 'Nothing has changed yet. Run "rotate-ca rollback", then plan anew.',
        }),
      ];
    });
  },

  async checkpoint(site) {
    return { files: await saveFiles(site.shell, pathsOf(site), limitsOf(site, 30_000)), objects: [], notes: {} };
  },

  async apply(site) {
    const paths = pathsOf(site);
    // All copies lie beside the live files before the first is renamed: what takes time comes before what can be seen.
    const copy = paths.map((path) => `cp -a '${incomingDir(site)}${path}' '${besides(path)}'`);
    const rename = paths.map((path) => `mv -f '${besides(path)}' '${path}'`);
    await site.shell.must(`set -eu\n${copy.join('\n')}\nsync\n${rename.join('\n')}\nsync`, limitsOf(site, 60_000));
  },

  async inspect(site): Promise<Inspection> {
    const late = await notLive(site);
    return late.length === 0 ? 'present' : late.length === pathsOf(site).length ? 'absent' : 'partial';
  },

  async verify(site) {
    return (await notLive(site)).map((path) =>
      failure('file-changed', {
        target: site.target,
        summary: `${path} is not what was put there`,
        cause: 'something else writes it',
        nextAction: 'Stop who writes it (consul-template, Puppet, Ansible), then run "rotate-ca resume".',
      }),
    );
  },

  async undo(site, _p, checkpoint) {
    await restoreFiles(site.shell, checkpoint.files, limitsOf(site, 60_000));
    await site.shell.must(
      `rm -f ${pathsOf(site)
        .map((path) => `'${besides(path)}'`)
        .join(' ')}`,
      limitsOf(site, 30_000),
    );
    const now = await site.shell.readFiles(pathsOf(site), limitsOf(site, 30_000));
    const failures = checkpoint.files.flatMap((saved) => {
      const file = now.get(saved.path);
      if (file !== undefined && Buffer.from(file.bytes).toString('base64') === saved.bytesBase64) return [];
      return [
        failure('undo-failed', {
          target: site.target,
          summary: `${saved.path} is not as it was`,
          cause: 'something else writes it',
          nextAction: 'Stop who writes it, then run "rotate-ca resume".',
          retryable: true,
        }),
      ];
    });
    if (failures.length > 0) throw new RotationError(failures);
    // From here on servers accept the kubeconfig's own certificate again, and the incoming CA no more.
    adoptKubeconfig(site);
  },
};

function changesOf(inventory: Inventory, target: string): Change[] {
  const { identities, trust } = materialFor(inventory);
  return [
    ...identities
      .flatMap(({ places }) => places)
      .filter(({ node }) => node === target)
      .flatMap((place): Change[] =>
        'kubeconfig' in place
          ? [{ type: 'leaf', place: filePlace(target, place.kubeconfig, 'client'), ca: 'incoming' }]
          : [
              // A certificate stands for its key where it is given as a file of keys.
              { type: 'key', place: filePlace(target, place.key, 'key'), ca: 'incoming' },
              ...(place.key === place.certificate ? [] : [{ type: 'key', place: filePlace(target, place.certificate, 'key'), ca: 'incoming' } as const]),
              { type: 'leaf', place: filePlace(target, place.certificate), ca: 'incoming' },
            ],
      ),
    ...trust
      .filter(({ node }) => node === target)
      .map(({ path, form }): Change => ({ type: 'trust', place: filePlace(target, path, form === 'kubeconfig' ? 'ca' : undefined), cas: ['incoming'] })),
  ];
}

function pathsOf(site: Site): string[] {
  return pathsOn(materialFor(site.inventory), site.target);
}

async function sums(site: Site): Promise<{ live: Map<string, string>; staged: Map<string, string> }> {
  const paths = pathsOf(site);
  const all = [...paths, ...paths.map((path) => `${incomingDir(site)}${path}`)];
  const out = await site.shell.must(`sha256sum ${all.map((path) => `'${path}'`).join(' ')} 2>/dev/null; true`, limitsOf(site, 30_000));
  const found = new Map(out.split('\n').flatMap((line) => (line.length > 66 ? [[line.slice(66), line.slice(0, 64)] as const] : [])));
  const under = (prefix: string): Map<string, string> => new Map(paths.flatMap((path) => (found.has(prefix + path) ? [[path, found.get(prefix + path)!] as const] : [])));
  return { live: under(''), staged: under(incomingDir(site)) };
}

async function notLive(site: Site): Promise<string[]> {
  const { live, staged } = await sums(site);
  return pathsOf(site).filter((path) => live.get(path) === undefined || live.get(path) !== staged.get(path));
}
