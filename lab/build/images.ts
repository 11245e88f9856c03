import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outputOf } from '../command.js';
import type { LabPaths } from '../lab.js';
import { type ImageContent, writeImageArchive } from './image-archive.js';
import { inputsHash, isFresh, writeStamp } from './stamp.js';

const pauseProgram = '/usr/bin/catatonit';
const matchModules = '/usr/lib/x86_64-linux-gnu/xtables';

/** A file of the nodes' tree and, as `ldd` names them, the libraries that it needs. */
async function withLibraries(rootfs: string, program: string): Promise<[string, string][]> {
  const files: [string, string][] = [[program, join(rootfs, program)]];
  const listing = await outputOf('chroot', [rootfs, 'ldd', program]);
  for (const [, library] of listing.matchAll(/(\/[^ ]+\.so[^ ]*)/g)) {
    if (library === undefined) continue;
    const real = await outputOf('chroot', [rootfs, 'readlink', '-f', library]);
    files.push([library, join(rootfs, real)]);
  }
  return files;
}

/**
 * kube-proxy calls iptables and conntrack. The match modules have libraries of their own (libxt_statistic needs libm);
 * without them every Service with more than one endpoint is dead.
 */
async function kubeProxyFiles(paths: LabPaths): Promise<Map<string, string>> {
  const iptables = '/usr/sbin/xtables-nft-multi';
  const modules = readdirSync(join(paths.rootfs, matchModules)).map((name) => join(matchModules, name));
  const files = new Map<string, string>([['/usr/local/bin/kube-proxy', join(paths.releaseBin, 'kube-proxy')]]);
  for (const program of [iptables, '/usr/sbin/conntrack', ...modules]) {
    for (const [path, source] of await withLibraries(paths.rootfs, program)) files.set(path, source);
  }
  for (const family of ['iptables', 'ip6tables']) {
    for (const suffix of ['', '-save', '-restore']) files.set(`/usr/sbin/${family}${suffix}`, join(paths.rootfs, iptables));
  }
  return files;
}

async function kubernetesImages(paths: LabPaths): Promise<ImageContent[]> {
  const program = (name: string): [string, string] => [`/usr/local/bin/${name}`, join(paths.releaseBin, name)];
  const { version, images } = paths.layout.release;
  return [
    ...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map((name) => ({
      reference: `registry.k8s.io/${name}:${version}`,
      files: new Map([program(name)]),
    })),
    { reference: `registry.k8s.io/kube-proxy:${version}`, files: await kubeProxyFiles(paths) },
    { reference: images.etcd, files: new Map(['etcd', 'etcdctl', 'etcdutl'].map(program)) },
    { reference: images.pause, files: new Map([['/catatonit', pauseProgram]]), entrypoint: ['/catatonit', '-P'] },
    { reference: images.coredns, files: new Map([['/coredns', join(paths.bin, 'coredns')]]), entrypoint: ['/coredns'] },
  ];
}

/** Packs the built programs into the images that kubeadm asks for. */
export async function buildImages(paths: LabPaths): Promise<boolean> {
  const here = dirname(fileURLToPath(import.meta.url));
  const { modules, images: references } = paths.layout.release;
  const hash = inputsHash({
    files: [
      ...['images.ts', 'image-archive.ts'].map((name) => join(here, name)),
      ...[modules.kubernetes, modules.etcd].map((name) => join(paths.releaseBin, `${name}.stamp`)),
      join(paths.bin, 'coredns.stamp'),
      `${paths.rootfs}.debian.stamp`,
    ],
    strings: Object.values(references),
  });
  const stamp = join(paths.releaseImages, 'kubernetes.stamp');
  const fileOf = (image: ImageContent): string => join(paths.releaseImages, `${image.reference.replace(/^.*\//, '').replace(/:.*$/, '')}.tar`);
  const names = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'etcd', 'pause', 'coredns'];
  if (
    isFresh(
      stamp,
      hash,
      names.map((name) => join(paths.releaseImages, `${name}.tar`)),
    )
  )
    return false;
  mkdirSync(paths.releaseImages, { recursive: true });
  for (const image of await kubernetesImages(paths)) await writeImageArchive(image, fileOf(image));
  writeStamp(stamp, hash);
  return true;
}
