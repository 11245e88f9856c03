/** Components of a node: kubeadm's static pods by their manifests, units and other pods by their command lines. */

import { parseFlags } from '../../domain/cluster/flags.js';
import type { ComponentName, ComponentRecord, UnitRecord } from '../../domain/cluster/inventory.js';
import { RotationError } from '../../domain/errors.js';
import { type Manifest, readManifest } from '../../domain/cluster/manifest.js';
import type { NodeFindings, UnitFindings } from '../files/read-files.js';

const kubeadmFolder = '/etc/kubernetes/manifests/';
const staticPods = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'] as const;

/** A manifest that cannot be read throws layout-unsupported with its path; with `onBroken` it gets that, and the manifest is left out. */
export function componentsOf(findings: NodeFindings, kubeletVersion: string, onBroken: (error: RotationError) => void = refuse): ComponentRecord[] {
  const pods = [...findings.manifests].flatMap(([path, text]): ComponentRecord[] => {
    if (text === '' || !path.startsWith(kubeadmFolder)) return [];
    const manifest = read(text, path, onBroken);
    if (manifest === undefined) return [];
    const { name, image, flags } = manifest;
    const known = staticPods.find((component) => component === name);
    return known === undefined ? [] : [{ name: known, version: versionOf(image), flags, manifest: path }];
  });
  const units = findings.units.filter(({ component }) => component !== 'kubelet').map(componentOf);
  pods.push(...ownPods(findings).filter(({ name }) => ![...pods, ...units].some((one) => one.name === name)));
  if (findings.kubelet === undefined) return [...pods, ...units];
  const own = findings.units.find(({ component }) => component === 'kubelet');
  return [...pods, ...units, { name: 'kubelet', version: kubeletVersion, flags: parseFlags(findings.kubelet.slice(1)), ...(own === undefined ? {} : { unit: unitOf(own) }) }];
}

/** Pods on the host's network that are not named as kubeadm's, each once, with the manifest whose container runs that program. */
function ownPods({ pods, manifests }: NodeFindings): ComponentRecord[] {
  return [...new Map(pods.map((one) => [one.component, one])).values()].map(({ component, args }) => {
    const manifest = [...manifests].find(([path, text]) => programIn(text, path) === component)?.[0];
    return { name: component as ComponentName, version: '', flags: parseFlags(args.slice(1)), pod: manifest === undefined ? {} : { manifest } };
  });
}

/** What is no manifest the kubelet leaves alone, too. */
function programIn(text: string, path: string): string | undefined {
  return read(text, path, () => undefined)?.program;
}

function refuse(error: RotationError): never {
  throw error;
}

function read(text: string, path: string, onBroken: (error: RotationError) => void): Manifest | undefined {
  try {
    return readManifest(text, path);
  } catch (error) {
    if (!(error instanceof RotationError)) throw error;
    onBroken(error);
    return undefined;
  }
}

/** A flag of etcd counts more than its variable, `ETCD_PEER_CERT_FILE` (etcd pkg/flags SetFlagsFromEnv). */
function componentOf(findings: UnitFindings): ComponentRecord {
  const variables = findings.environment.flatMap((line) => {
    const [, name = '', value = ''] = /^ETCD_([A-Z_]+)=(.*)$/s.exec(line) ?? [];
    return name === '' ? [] : [[name.toLowerCase().replaceAll('_', '-'), value] as const];
  });
  return { name: findings.component as ComponentName, version: '', flags: { ...Object.fromEntries(variables), ...parseFlags(findings.args.slice(1)) }, unit: unitOf(findings) };
}

function unitOf({ unit, properties }: UnitFindings): UnitRecord {
  const value = (name: string): string => properties.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  const environmentFiles = properties.flatMap((line) =>
    line.startsWith('EnvironmentFiles=') ? [line.slice('EnvironmentFiles='.length).replace(/ \(ignore_errors=\w+\)$/, '')] : [],
  );
  return {
    name: unit,
    file: value('FragmentPath'),
    dropIns: value('DropInPaths')
      .split(' ')
      .filter((path) => path !== ''),
    environmentFiles: environmentFiles.filter((path) => path !== ''),
    user: value('User'),
    isStale: value('NeedDaemonReload') === 'yes',
  };
}

/** The tag of an image, without a digest; empty if it has none. */
function versionOf(image: string): string {
  return /:([^/:@]+)(?:@.*)?$/.exec(image)?.[1] ?? '';
}
