import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outputOf, runCommand } from '../command.js';
import { kubernetesVersion, type LabPaths } from '../lab.js';
import { inputsHash, isFresh, writeStamp } from './stamp.js';

/** One Go module of lab/build and the programs that come out of it. */
interface GoModule {
  readonly name: string;
  readonly packages: readonly string[];
  readonly binaries: readonly string[];
  readonly linkerFlags: string;
}

const plainFlags = '-s -w';

/** kubeadm refuses to work with programs that do not know their version. */
function versionFlags(): string {
  const [major = '', minor = ''] = kubernetesVersion.slice(1).split('.');
  const values = {
    gitVersion: kubernetesVersion,
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

const modules: readonly GoModule[] = [
  {
    name: 'kubernetes',
    packages: kubernetesCommands.map((command) => `k8s.io/kubernetes/cmd/${command}`),
    binaries: kubernetesCommands,
    linkerFlags: versionFlags(),
  },
  {
    name: 'etcd',
    packages: ['go.etcd.io/etcd/server/v3', 'go.etcd.io/etcd/etcdctl/v3', 'go.etcd.io/etcd/etcdutl/v3'],
    binaries: ['etcd', 'etcdctl', 'etcdutl'],
    linkerFlags: plainFlags,
  },
  { name: 'coredns', packages: ['github.com/coredns/coredns'], binaries: ['coredns'], linkerFlags: plainFlags },
  { name: 'vault', packages: ['.'], binaries: ['vault'], linkerFlags: plainFlags },
];

const modulesFolder = dirname(fileURLToPath(import.meta.url));

/** Builds what is not built yet from the Go module proxy, one module after the other. Returns the names of those built. */
export async function buildBinaries(paths: LabPaths, report: (line: string) => void): Promise<string[]> {
  mkdirSync(paths.bin, { recursive: true });
  const compiler = await outputOf('go', ['env', 'GOVERSION']);
  const built: string[] = [];
  for (const module of modules) {
    const folder = join(modulesFolder, module.name);
    const hash = inputsHash({ files: [folder], strings: [compiler, module.linkerFlags, ...module.packages] });
    const stamp = join(paths.bin, `${module.name}.stamp`);
    const outputs = module.binaries.map((binary) => join(paths.bin, binary));
    if (isFresh(stamp, hash, outputs)) continue;
    report(`building ${module.name} (${module.binaries.length} programs); the first time takes minutes`);
    await runCommand('go', ['build', '-ldflags', module.linkerFlags, '-o', `${paths.bin}/`, ...module.packages], {
      cwd: folder,
      // The checked-in go.mod and go.sum say everything: a build never changes them, and needs no C compiler.
      env: { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -mod=readonly', GOTOOLCHAIN: 'local' },
      timeoutMs: 40 * 60_000,
      logFile: join(paths.log, `build-${module.name}.log`),
    });
    // The server's package is called `server`, and Go names a program after its package.
    if (module.name === 'etcd') renameSync(join(paths.bin, 'server'), join(paths.bin, 'etcd'));
    for (const output of outputs) if (!existsSync(output)) throw new Error(`the build of ${module.name} did not make ${output}`);
    writeStamp(stamp, hash);
    built.push(module.name);
  }
  return built;
}
