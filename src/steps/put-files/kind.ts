/** put-files: the operator's own certificates, keys and trust bundles are put in place on nodes, and what reads them at its start is started anew. */

import { posix } from 'node:path';
import { z } from 'zod';
import { withAnnotation } from '../../domain/cluster/manifest.js';
import type { Inventory, NodeRecord } from '../../domain/cluster/inventory.js';
import { fail, failure, type Failure, RotationError } from '../../domain/errors.js';
import type { Secret } from '../../domain/secret.js';
import type { Change } from '../../domain/trust/changes.js';
import { isControlPlane } from '../../operations/identity-probe.js';
import { restoreFiles, rewriteSeen, saveFiles, textOf } from '../../operations/node-files.js';
import { broughtBy, contentsOf, from, holdsKey, isKeyAlone, ownBytes, ownProblems, pinned } from '../../operations/own-files.js';
import { findProcesses } from '../../operations/processes.js';
import { askComponent, type Component, manifestPath, readManifest, waitForComponent } from '../../operations/static-pod.js';
import { type Answer, limitsOf, waitFor } from '../../operations/waiting.js';
import type { FileContent } from '../../ports/node-shell.js';
import type { Inspection, Site, StepKind } from '../../ports/step-kind.js';

const file = z.strictObject({
  path: z
    .string()
    .regex(/^\/[\w@.+,:/-]+$/, 'write an absolute path of letters, digits and @ . + , : / -')
    .describe('Absolute path on the node. Of a symlink the file that it leads to is replaced. The folder must be there.'),
  from,
  mode: z
    .string()
    .regex(/^0[0-7]{3}$/, 'write four octal digits, "0644"')
    .optional()
    .describe('Default: that of the file that is there; of a new one 0600 if a private key is in it, else 0644.'),
  content: pinned.optional(),
});

const components = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet'] as const;

const params = z.strictObject({
  files: z.array(file).min(1).max(100).describe('What is put where, in this order, but keys first.'),
  nodes: z
    .union([z.enum(['all', 'control-planes', 'workers']), z.array(z.string().min(1)).min(1)])
    .default('all')
    .describe('On which nodes: all, control-planes, workers, or their names.'),
  restart: z.array(z.enum(components)).default([]).describe('What is started anew afterwards, in this order, where a node has it: static pods of kubeadm, and the kubelet.'),
  waits: z.boolean().default(true).describe('Wait until what was started anew runs with what is on disk. false: it may stay down, and nothing is proved.'),
});

type Params = z.infer<typeof params>;
type RestartName = (typeof components)[number];

const annotation = 'rotate-ca/put-files';

export const putFiles: StepKind<Params> = {
  name: 'put-files',
  targets: 'nodes',
  params,
  effects: () => [],

  concerns: (p, node) => isChosen(p.nodes, node),

  takesApiAway: (p) => (p.restart.includes('kube-apiserver') || p.restart.includes('etcd') || !p.waits ? ['forward', 'back'] : []),

  leaves: (p) => p.files.map(({ path }) => path),

  filesOf: (p) => p.files.map((one) => one.from),
  pinned: (p, contents) => ({ ...p, files: p.files.map((one) => ({ ...one, content: contents.get(one.from) ?? one.content })) }),
  brought: (p) => broughtBy(p.files),

  changes: (p, { inventory, target }) => changesOn(p, inventory, target),

  async preflight(site, p) {
    const failures = ownProblems(site, p.files);
    for (const component of restartsOn(site, p)) {
      if (component === 'kubelet') continue;
      const manifest = await readManifest(site, component);
      if (typeof manifest !== 'string') failures.push(manifest);
    }
    failures.push(...(await missingFolders(site, p)));
    return failures;
  },

  async checkpoint(site, p) {
    const files = [...p.files.map(({ path }) => path), ...restartsOn(site, p).flatMap((one) => (one === 'kubelet' ? [] : [manifestPath(one)]))];
    const links = [...(await site.shell.readFiles(files, limitsOf(site, 30_000)))].flatMap(([path, { linkTo }]) => (linkTo === undefined ? [] : [realPath(path, linkTo)]));
    return { files: await saveFiles(site.shell, [...new Set([...files, ...links])], limitsOf(site, 30_000)), objects: [], notes: {} };
  },

  async apply(site, p) {
    const limits = limitsOf(site, 60_000);
    const late = (await differing(site, p)).map(({ path, bytes, mode, seen }) => {
      const { uid, gid, label } = seen ?? { uid: 0, gid: 0, label: undefined };
      return { path, bytes, mode, uid, gid, ...(label === undefined ? {} : { label }) };
    });
    // A key before its certificate: a reader of the pair keeps what it has until both are there.
    const ordered = [...late.filter(({ bytes }) => isKeyAlone(bytes)), ...late.filter(({ bytes }) => !isKeyAlone(bytes))];
    if (ordered.length > 0) await site.shell.replaceFiles(ordered, limits);
    for (const component of restartsOn(site, p)) {
      if (await isStarted(site, p, component)) continue;
      if (component === 'kubelet') await site.shell.must('systemctl restart kubelet', limits);
      else await annotate(site, component);
      if (p.waits) await mustRun(site, p, component);
    }
  },

  async inspect(site, p): Promise<Inspection> {
    const late = await differing(site, p);
    if (late.length > 0) return late.length === p.files.length ? 'absent' : 'partial';
    for (const component of restartsOn(site, p)) if (!(await isStarted(site, p, component))) return 'partial';
    return 'present';
  },

  async verify(site, p) {
    const changed = (await differing(site, p)).map(({ path }) =>
      failure('file-changed', {
        target: site.target,
        summary: `${path} is not what was put there`,
        cause: 'something else writes it, too',
        nextAction: 'Find out who writes it, stop it, then run "rotate-ca resume".',
      }),
    );
    if (!p.waits) return changed;
    const failures: Failure[] = [];
    for (const component of restartsOn(site, p)) failures.push(...(await waitUntilItRuns(site, p, component)));
    return [...changed, ...failures];
  },

  async undo(site, p, checkpoint) {
    // What a link leads to, before the link: it must never lead nowhere.
    const links = checkpoint.files.filter(({ linkTo }) => linkTo !== undefined);
    const manifests = new Set(components.map((one) => manifestPath(one as Component)));
    const files = checkpoint.files.filter(({ linkTo, path }) => linkTo === undefined && !manifests.has(path));
    const now = await site.shell.readFiles(
      files.map(({ path }) => path),
      limitsOf(site, 30_000),
    );
    const isBack = files.every(({ path, existed, bytesBase64 }) => (existed ? Buffer.from(now.get(path)?.bytes ?? []).toString('base64') === bytesBase64 : !now.has(path)));
    await restoreFiles(site.shell, files, limitsOf(site, 60_000));
    await restoreFiles(site.shell, links, limitsOf(site, 60_000));
    // Last, since the kubelet acts on them.
    await restoreFiles(
      site.shell,
      checkpoint.files.filter(({ path }) => manifests.has(path)),
      limitsOf(site, 60_000),
    );
    for (const component of restartsOn(site, p)) {
      if (component === 'kubelet' && (!isBack || !(await isStarted(site, p, 'kubelet')))) await site.shell.must('systemctl restart kubelet', limitsOf(site, 30_000));
      await mustRun(site, p, component);
    }
  },
};

function isChosen(nodes: Params['nodes'], { name, roles }: NodeRecord): boolean {
  if (Array.isArray(nodes)) return nodes.includes(name);
  return nodes === 'all' || roles.includes('control-plane') === (nodes === 'control-planes');
}

function changesOn(p: Params, inventory: Inventory, target: string): Change[] {
  const node = inventory.nodes.find(({ name }) => name === target);
  const here = (one: RestartName): boolean => one === 'kubelet' || (node?.roles.includes('control-plane') ?? false);
  return [
    ...p.files.flatMap(({ path, content }) => contentsOf(`${target}:${path}`, content).map((put) => ({ type: 'put' as const, ...put }))),
    ...p.restart.filter(here).map((one) => ({ type: 'restart' as const, process: `${one}@${target}` })),
  ];
}

/** Workers have a kubelet alone. */
function restartsOn(site: Site, p: Params): RestartName[] {
  return p.restart.filter((one) => one === 'kubelet' || isControlPlane(site, site.target));
}

function realPath(path: string, linkTo: string): string {
  return posix.resolve(posix.dirname(path), linkTo);
}

interface Wanted {
  /** Of a symlink: what it leads to. */
  readonly path: string;
  readonly bytes: Secret;
  readonly mode: string;
  readonly seen: FileContent | undefined;
}

/** Those that are not yet as wanted. */
async function differing(site: Site, p: Params): Promise<Wanted[]> {
  const found = await site.shell.readFiles(
    p.files.map(({ path }) => path),
    limitsOf(site, 30_000),
  );
  return p.files.flatMap((one) => {
    const seen = found.get(one.path);
    const bytes = ownBytes(site, one);
    const mode = one.mode ?? seen?.mode ?? (holdsKey(bytes) ? '0600' : '0644');
    // The mode of a link says nothing about that of the file.
    const isMode = seen?.linkTo !== undefined || seen?.mode === mode;
    if (seen !== undefined && bytes.reveal().equals(seen.bytes) && isMode) return [];
    const path = seen?.linkTo === undefined ? one.path : realPath(one.path, seen.linkTo);
    return [{ path, bytes, mode: seen?.linkTo !== undefined && one.mode === undefined ? '0600' : mode, seen }];
  });
}

async function missingFolders(site: Site, p: Params): Promise<Failure[]> {
  const folders = [...new Set(p.files.map(({ path }) => posix.dirname(path)))];
  const out = await site.shell.must(`for d in ${folders.map((one) => `'${one}'`).join(' ')}; do [ -d "$d" ] || echo "$d"; done`, limitsOf(site, 30_000));
  return out.split('\n').flatMap((folder) =>
    folder === ''
      ? []
      : [
          failure('file-missing', {
            target: site.target,
            summary: `the folder ${folder} is not there`,
            nextAction: 'Make it, or correct "path" in the playbook, then run "rotate-ca resume".',
          }),
        ],
  );
}

const mark = (site: Site): string => `${site.step.id}-${site.run.id}-${site.run.attempt}`;

/** Another annotation is another pod to the kubelet (k/k pkg/kubelet/config/common.go): it ends this one and starts it anew. */
async function annotate(site: Site, component: Component): Promise<void> {
  const limits = limitsOf(site, 30_000);
  const seen = await site.shell.readFile(manifestPath(component), limits);
  if (seen === undefined)
    return fail('file-missing', { target: site.target, summary: `${manifestPath(component)} is missing`, nextAction: 'Put it back, then run "rotate-ca resume".' });
  await rewriteSeen(site.shell, manifestPath(component), withAnnotation(textOf(seen), annotation, mark(site)), seen, limits);
}

/** It was told to start anew after the files were put there; whether it has come up is another question. */
async function isStarted(site: Site, p: Params, component: RestartName): Promise<boolean> {
  if (component === 'kubelet') return (await kubeletHasRead(site, p)) === true;
  const manifest = await readManifest(site, component);
  if (typeof manifest !== 'string' || withAnnotation(manifest, annotation, mark(site)) !== manifest) return false;
  return !p.waits || (await askComponent(site, component, [])) === true;
}

async function kubeletHasRead(site: Site, p: Params): Promise<Answer> {
  const files = p.files.map(({ path }) => path);
  const [process] = await findProcesses(site.shell, 'kubelet', files, limitsOf(site, 30_000));
  if (process === undefined) return 'the kubelet is not running';
  for (const [path, at] of process.changedAtMs) if (process.startedAtMs <= at) return `the kubelet started before ${path} was written`;
  return true;
}

function waitUntilItRuns(site: Site, p: Params, component: RestartName): Promise<Failure[]> {
  if (component !== 'kubelet') return waitForComponent(site, component, []);
  return waitFor(
    site,
    {
      what: `kubelet on ${site.target} was started after its files were put there`,
      rule: 'R: kubeconfig and client certificate are read at start',
      everyMs: 500,
      otherwise: { code: 'component-not-restarted', nextAction: `Look at "journalctl -u kubelet -n 50" on ${site.target}, then run "rotate-ca resume".` },
    },
    () => kubeletHasRead(site, p),
  );
}

async function mustRun(site: Site, p: Params, component: RestartName): Promise<void> {
  const failures = await waitUntilItRuns(site, p, component);
  if (failures.length > 0) throw new RotationError(failures);
}
