import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';

/** A container image made of files of this machine, in one layer. */
export interface ImageContent {
  /** Name and tag, `registry.k8s.io/pause:3.10.1`. */
  readonly reference: string;
  /** File of the image (absolute) -> file on this machine. */
  readonly files: ReadonlyMap<string, string>;
  readonly entrypoint?: readonly string[];
  readonly env?: readonly string[];
}

const created = '2026-01-01T00:00:00Z';
const epoch = new Date(created);
const searchPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

async function addFile(archive: Pack, name: string, source: string, mode: number): Promise<void> {
  const entry = archive.entry({ name, mode, size: statSync(source).size, mtime: epoch });
  await pipeline(createReadStream(source), entry);
}

function addDirectory(archive: Pack, name: string, mode: number): void {
  archive.entry({ name, type: 'directory', mode, mtime: epoch });
}

async function writeLayer(image: ImageContent, target: string): Promise<void> {
  const archive = pack();
  const written = pipeline(archive, createWriteStream(target));
  const folders = new Set<string>();
  const addFolder = (path: string): void => {
    if (path === '/' || folders.has(path)) return;
    addFolder(dirname(path));
    folders.add(path);
    addDirectory(archive, path.slice(1), path === '/tmp' ? 0o1777 : 0o755);
  };
  addFolder('/tmp');
  addFolder('/etc');
  for (const [path, source] of [...image.files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    addFolder(dirname(path));
    await addFile(archive, path.slice(1), source, 0o755);
  }
  archive.finalize();
  await written;
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Writes the image as a docker archive, which `ctr images import` reads. */
export async function writeImageArchive(image: ImageContent, target: string): Promise<void> {
  const workFolder = mkdtempSync(join(tmpdir(), 'lab-image-'));
  try {
    const layer = join(workFolder, 'layer.tar');
    await writeLayer(image, layer);
    const layerDigest = await sha256Of(layer);
    const config = JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created,
      config: { Entrypoint: image.entrypoint, Env: [searchPath, ...(image.env ?? [])] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layerDigest}`] },
      history: [{ created }],
    });
    const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
    const layerName = `${layerDigest}/layer.tar`;
    const manifest = [{ Config: configName, RepoTags: [image.reference], Layers: [layerName] }];

    const partial = join(dirname(target), `.${basename(target)}.partial`);
    const archive = pack();
    const written = pipeline(archive, createWriteStream(partial));
    archive.entry({ name: configName, mtime: epoch }, config);
    await addFile(archive, layerName, layer, 0o644);
    archive.entry({ name: 'manifest.json', mtime: epoch }, JSON.stringify(manifest));
    archive.finalize();
    await written;
    renameSync(partial, target);
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
}
