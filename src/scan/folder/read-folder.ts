/** Reads a folder of files in place of a cluster: a copy of /etc/kubernetes, of several nodes', or whatever holds certificates. Reads only. */

import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { ComponentRecord, FileRecord, ScanFinding, Unseen } from '../../domain/cluster/inventory.js';
import { readManifest } from '../../domain/cluster/manifest.js';
import type { Reached, ReachedNode } from '../../domain/expiry/expiry.js';
import { fail, failuresOf } from '../../domain/errors.js';
import { type Reference, referencesOf } from '../files/manifest-references.js';
import { byText } from '../objects/order.js';
import { readOneFile } from './read-file.js';

/** Larger files hold no certificates that a component reads. */
const mostBytes = 4 << 20;
const mostFiles = 50_000;

/** Each folder that holds `pki` or kubeadm's kubeconfigs is a node, by its path below `folder` without /etc/kubernetes. Throws usage if there is no such folder. */
export function readFolder(folder: string): Reached {
  const unseen: Unseen[] = [];
  const findings: ScanFinding[] = [];
  const certificates: Record<string, string> = {};
  const files: FileRecord[] = [];
  const manifests: { readonly path: string; readonly component: ComponentRecord }[] = [];
  const references: Reference[] = [];
  for (const path of filesBelow(folder, unseen)) {
    const bytes = bytesOf(path, unseen);
    if (bytes === undefined) continue;
    const read = readOneFile(path, bytes);
    findings.push(...read.findings);
    for (const { record, pem } of read.certificates) certificates[record.fingerprint] = pem;
    if (read.file !== undefined) files.push(read.file);
    if (isManifest(path)) references.push(...referencesOf(path, bytes.toString('utf8')));
    const component = componentIn(path, bytes);
    if (component !== undefined) manifests.push({ path, component });
  }
  const roots = rootsOf(folder, files);
  const nodes = roots.map(
    (kubernetesDir): ReachedNode => ({
      name: nameOf(folder, kubernetesDir),
      kubernetesDir,
      files: files.filter(({ path }) => rootOf(path, roots) === kubernetesDir),
      components: manifests.filter(({ path }) => path.startsWith(`${kubernetesDir}/manifests/`)).map(({ component }) => component),
    }),
  );
  return { nodes, objects: [], certificates, findings: [...findings, ...withoutTarget(files), ...namedAndMissing(references, roots, files)], unseen };
}

/** Regular files, and links that lead to one; in the order of their paths. */
function filesBelow(folder: string, unseen: Unseen[]): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  const walk = (at: string, isTop: boolean): void => {
    try {
      const real = realpathSync(at);
      if (seen.has(real)) return;
      seen.add(real);
      for (const entry of readdirSync(at, { withFileTypes: true }).sort(byText(({ name }) => name))) {
        const path = join(at, entry.name);
        if (entry.isDirectory()) walk(path, false);
        else if ((entry.isFile() || entry.isSymbolicLink()) && found.length < mostFiles) found.push(path);
        else if (entry.isFile() && found.length === mostFiles) unseen.push({ place: path, why: `there are more than ${mostFiles} files: give a smaller folder` });
        if (found.length > mostFiles) return;
      }
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (isTop)
        fail('usage', {
          target: '--folder',
          summary: `${at} cannot be read as a folder`,
          cause: error.code,
          nextAction: 'Give a folder of certificates, for example a copy of /etc/kubernetes.',
        });
      unseen.push({ place: at, why: `it cannot be opened: ${error.code}` });
    }
  };
  walk(folder, true);
  return found;
}

function bytesOf(path: string, unseen: Unseen[]): Buffer | undefined {
  let descriptor: number | undefined;
  try {
    // Without waiting: a link may lead to a pipe.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return undefined;
    const { size } = stat;
    if (size > mostBytes) {
      if (/\.(crt|cer|pem|conf|key)$/.test(path)) unseen.push({ place: path, why: `it has ${size} bytes, more than any file with certificates` });
      return undefined;
    }
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, size, 0));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    unseen.push({ place: path, why: error.code === 'ENOENT' ? 'it is a link that leads nowhere from here' : `it cannot be opened: ${error.code}` });
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function componentIn(path: string, bytes: Buffer): ComponentRecord | undefined {
  const text = bytes.toString('utf8');
  if (!isManifest(path) || !text.includes('kind: Pod')) return undefined;
  try {
    const { name, image, flags } = readManifest(text, path);
    if (name !== 'kube-apiserver' && name !== 'etcd') return undefined;
    return { name, version: /:([^/:@]+)(?:@.*)?$/.exec(image)?.[1] ?? '', flags, manifest: path };
  } catch (error) {
    if (failuresOf(error) === undefined) throw error;
    return undefined;
  }
}

/** Longest first, so that the first that a path begins with is its own. */
function rootsOf(folder: string, files: readonly FileRecord[]): string[] {
  const found = files.flatMap(({ path }) => /^(.*)\/(?:pki\/ca\.crt|pki\/apiserver\.crt|admin\.conf|kubelet\.conf)$/.exec(path)?.[1] ?? []);
  const roots = new Set(found.some((root) => machineOf(root) === folder) ? found : [folder, ...found]);
  return [...roots].sort((one, other) => machineOf(other).length - machineOf(one).length || (one < other ? -1 : 1));
}

/** The file system of which it is /etc/kubernetes; /var/lib/kubelet lies in it too. */
function machineOf(kubernetesDir: string): string {
  return kubernetesDir.replace(/\/etc\/kubernetes$/, '');
}

function rootOf(path: string, roots: readonly string[]): string | undefined {
  return roots.find((root) => path.startsWith(`${machineOf(root)}/`));
}

function nameOf(folder: string, kubernetesDir: string): string {
  return machineOf(kubernetesDir).slice(folder.length + 1);
}

function withoutTarget(files: readonly FileRecord[]): ScanFinding[] {
  return files.flatMap(({ path, refs = {}, refLines = {} }) =>
    Object.entries(refs)
      // A copy has other paths than the node: only what lies beside the kubeconfig can be told.
      .filter(([, to]) => to.startsWith(`${path.slice(0, path.lastIndexOf('/'))}/`) && !files.some((file) => file.path === to))
      .map(([key, to]) => ({
        code: 'reference-missing',
        place: `${path}${refLines[key] === undefined ? '' : `:${refLines[key]}`}`,
        meaning: `its ${key} is ${to}, where there is no such file`,
      })),
  );
}

function isManifest(path: string): boolean {
  return /\/manifests\/[^/]+\.ya?ml$/.test(path);
}

/** Keys are often left out of a copy, and on purpose. */
function namedAndMissing(references: readonly Reference[], roots: readonly string[], files: readonly FileRecord[]): ScanFinding[] {
  const there = new Set(files.map(({ path }) => path));
  return references
    .filter(({ flag }) => !/key(-file)?$|keyfile$/.test(flag))
    .flatMap(({ path, line, flag, to }) => {
      const root = roots.find((one) => path.startsWith(`${one}/manifests/`));
      if (root === undefined || there.has(to.replace('/etc/kubernetes', () => root))) return [];
      return [{ code: 'reference-missing', place: `${path}:${line}`, meaning: `its --${flag} is ${to}, where there is no such file in this copy` }];
    });
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';
}
