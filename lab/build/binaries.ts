import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outputOf, runCommand } from '../command.js';
import type { LabPaths } from '../lab.js';
import { type Release, releases } from '../release.js';
import { inputsHash, isFresh, writeStamp } from './stamp.js';

/** One Go module of lab/build and the programs that come out of it. */
interface GoModule {
  readonly name: string;
  /** Where the programs and their stamp go. */
  readonly bin: string;
  readonly packages: readonly string[];
  readonly binaries: readonly string[];
  readonly linkerFlags: string;
}

const plainFlags = '-s -w';

/** kubeadm refuses to work with programs that do not know their version. */
function versionFlags({ version }: Release): string {
  const [major = '', minor = ''] = version.slice(1).split('.');
  const values = {
    gitVersion: version,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: 'clean',
    gitCommit: '0000000',
    buildDate: '2026-01-01T00:00:00Z',
  };
  const flags = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((variables) =>
    Object.entries(values).map(([name, value]) => `-X ${variables}.${name}=${value}`),
  );
  return [plainFlags, ...flags].join(' ');
}

const kubernetesCommands = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kubeadm', 'kubectl', 'kube-proxy'];

function modulesOfRelease(release: Release, bin: string): GoModule[] {
  return [
    {
      name: release.modules.kubernetes,
      bin,
      packages: kubernetesCommands.map((command) => `k8s.io/kubernetes/cmd/${command}`),
      binaries: kubernetesCommands,
      linkerFlags: versionFlags(release),
    },
    {
      name: release.modules.etcd,
      bin,
      packages: ['go.etcd.io/etcd/server/v3', 'go.etcd.io/etcd/etcdctl/v3', 'go.etcd.io/etcd/etcdutl/v3'],
      binaries: ['etcd', 'etcdctl', 'etcdutl'],
      linkerFlags: plainFlags,
    },
  ];
}

/** The tree that all nodes stand on has the programs of the shared release, so that these are needed whichever release is made. */
function modulesOf({ layout, bin, releaseBin }: LabPaths): GoModule[] {
  return [
    ...Object.values(releases).flatMap((release) => (release.built === 'shared' ? modulesOfRelease(release, bin) : [])),
    ...(layout.release.built === 'apart' ? modulesOfRelease(layout.release, releaseBin) : []),
    { name: 'coredns', bin, packages: ['github.com/coredns/coredns'], binaries: ['coredns'], linkerFlags: plainFlags },
    { name: 'vault', bin, packages: ['.'], binaries: ['vault'], linkerFlags: plainFlags },
  ];
}

/** Whether Kubernetes of the layout's release was built here, be it from what its module says now or said before. */
export function hasRelease({ layout, releaseBin }: LabPaths): boolean {
  return existsSync(join(releaseBin, `${layout.release.modules.kubernetes}.stamp`));
}

const modulesFolder = dirname(fileURLToPath(import.meta.url));

/** Builds what is not built yet from the Go module proxy, one module after the other. Returns the names of those built. */
export async function buildBinaries(paths: LabPaths, report: (line: string) => void): Promise<string[]> {
  const compiler = await outputOf('go', ['env', 'GOVERSION']);
  const built: string[] = [];
  for (const module of modulesOf(paths)) {
    mkdirSync(module.bin, { recursive: true });
    const folder = join(modulesFolder, module.name);
    const hash = inputsHash({ files: [folder], strings: [compiler, module.linkerFlags, ...module.packages] });
    const stamp = join(module.bin, `${module.name}.stamp`);
    const outputs = module.binaries.map((binary) => join(module.bin, binary));
    if (isFresh(stamp, hash, outputs)) continue;
    report(`building ${module.name} (${module.binaries.length} programs); the first time takes minutes`);
    await runCommand('go', ['build', '-ldflags', module.linkerFlags, '-o', `${module.bin}/`, ...module.packages], {
      cwd: folder,
      // The checked-in go.mod and go.sum say everything: a build never changes them, and needs no C compiler.
      env: { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -mod=readonly', GOTOOLCHAIN: 'local' },
      timeoutMs: 40 * 60_000,
      logFile: join(paths.log, `build-${module.name}.log`),
    });
    // The server's package is called `server`, and Go names a program after its package.
    if (module.binaries.includes('etcd')) renameSync(join(module.bin, 'server'), join(module.bin, 'etcd'));
    for (const output of outputs) if (!existsSync(output)) throw new Error(`the build of ${module.name} did not make ${output}`);
    writeStamp(stamp, hash);
    built.push(module.name);
  }
  return built;
}
