/** Reads which hosts there are and how they are reached: an Ansible inventory (YAML, or the JSON of `ansible-inventory --list`), or our own short list. */

import { z } from 'zod';
import type { Host } from '../domain/cluster/inventory.js';
import { type Failure, RotationError } from '../domain/errors.js';
import { readYaml, type YamlSource } from '../domain/source/yaml-source.js';
import { hostsOfGroups } from './ansible-groups.js';
import { hostFromVars, VaultText } from './ansible-vars.js';

const ownHosts = z.strictObject({
  apiVersion: z.literal('rotate-ca/v1'),
  kind: z.literal('Hosts'),
  hosts: z
    .array(
      z.strictObject({
        name: z.string().min(1).describe('Name of the node in Kubernetes.'),
        ssh: z.string().min(1).optional().describe('What is given to ssh: an alias or an address. Default: the name.'),
        port: z.int().min(1).max(65535).optional(),
        user: z.string().min(1).optional(),
        become: z.boolean().optional().describe('Use sudo. Default: yes, unless the user is root.'),
        sshConfig: z.string().min(1).optional().describe('As ssh -F.'),
      }),
    )
    .min(1),
});

/** Throws RotationError inventory-invalid with all that is wrong, each with file:line:column. */
export function readHosts(text: string, file: string): Host[] {
  // Encrypted values stay closed. Words like yes and no stay text: a host may be called so.
  const source = readYaml(looksLikeIni(text) ? '' : text, file, { code: 'inventory-invalid', merge: true, tags: [vaultTag, unsafeTag] });
  const failures: Failure[] = [];
  if (looksLikeIni(text)) {
    failures.push(source.complain([], { summary: 'this is an INI inventory', nextAction: `Convert it: ansible-inventory -i ${file} --list > hosts.json, then give hosts.json.` }));
  }
  const isOwn = isRecord(source.value) && ('apiVersion' in source.value || source.value.kind === 'Hosts');
  const hosts = failures.length > 0 ? [] : isOwn ? readOwn(source, failures) : readAnsible(source, failures);
  if (failures.length === 0 && hosts.length === 0) {
    failures.push(source.complain([], { summary: 'the inventory names no hosts', nextAction: 'Add the nodes of the cluster under "hosts".' }));
  }
  failures.push(...sameMachine(hosts, source));
  if (failures.length > 0) throw new RotationError(failures);
  return hosts.map(({ host }) => host);
}

interface Found {
  readonly host: Host;
  readonly path: readonly PropertyKey[];
}

function readOwn(source: YamlSource, failures: Failure[]): Found[] {
  const read = ownHosts.safeParse(source.value, { reportInput: true });
  if (!read.success) {
    failures.push(...source.issues(read.error, { schema: ownHosts }));
    return [];
  }
  const seen = new Set<string>();
  return read.data.hosts.map((entry, i) => {
    if (seen.has(entry.name)) failures.push(source.complain(['hosts', i, 'name'], { summary: `node "${entry.name}" is there twice`, nextAction: 'Remove one of them.' }));
    seen.add(entry.name);
    const host: Host = {
      name: entry.name,
      sshHost: entry.ssh ?? entry.name,
      become: entry.become ?? entry.user !== 'root',
      ...(entry.port === undefined ? {} : { sshPort: entry.port }),
      ...(entry.user === undefined ? {} : { sshUser: entry.user }),
      ...(entry.sshConfig === undefined ? {} : { sshConfigFile: entry.sshConfig }),
    };
    return { host, path: ['hosts', i] };
  });
}

function readAnsible(source: YamlSource, failures: Failure[]): Found[] {
  const groups = hostsOfGroups(source.value);
  failures.push(...groups.problems.map(({ path, ...complaint }) => source.complain(path, complaint)));
  return groups.hosts.map(({ name, path, vars }) => {
    const read = hostFromVars(name, vars);
    failures.push(...read.problems.map(({ path: at, ...complaint }) => source.complain(at.length === 0 ? path : at, complaint)));
    return { host: read.host, path };
  });
}

/** Two names of one machine: a step would work on it twice at once. */
function sameMachine(hosts: readonly Found[], source: YamlSource): Failure[] {
  const seen = new Map<string, string>();
  return hosts.flatMap(({ host, path }) => {
    const address = `${host.sshHost}:${host.sshPort ?? ''}:${host.sshConfigFile ?? ''}`;
    const other = seen.get(address);
    seen.set(address, other ?? host.name);
    if (other === undefined || other === host.name) return [];
    return [
      source.complain(path, {
        summary: `"${host.name}" and "${other}" are the same machine`,
        cause: `both are reached at ${host.sshHost}`,
        atKey: true,
        nextAction: 'Remove one of them, or correct its address.',
      }),
    ];
  });
}

function looksLikeIni(text: string): boolean {
  return /^\s*\[[^\]\n,"']+\]\s*(#.*)?$/m.test(text) && !/^\s*[{]/.test(text) && !/^[A-Za-z_][\w-]*:\s*$/m.test(text);
}

const vaultTag = { tag: '!vault', resolve: () => new VaultText() };
const unsafeTag = { tag: '!unsafe', resolve: (value: string) => value };

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
