/** Groups of an Ansible inventory: which hosts there are, and which variables each ends up with. */

import { expandRange } from './ansible-ranges.js';

/** A value and where it was written. */
export interface Sourced {
  readonly value: unknown;
  readonly path: readonly PropertyKey[];
}

export type Vars = ReadonlyMap<string, Sourced>;

export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly summary: string;
  readonly cause?: string;
  readonly nextAction: string;
}

export interface AnsibleHost {
  readonly name: string;
  readonly path: readonly PropertyKey[];
  readonly vars: Vars;
}

interface Group {
  readonly hosts: Map<string, { path: readonly PropertyKey[]; vars: Map<string, Sourced> }>;
  readonly vars: Map<string, Sourced>;
  readonly children: Set<string>;
}

/** Hosts in the order of the file. Ansible's precedence: all, then groups from parents to children (of the same depth by name), then the host. */
export function hostsOfGroups(data: unknown): { hosts: AnsibleHost[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const groups = new Map<string, Group>();
  if (!isRecord(data)) {
    problems.push({ path: [], summary: 'the inventory is not a mapping of groups', nextAction: 'Begin with "all:", then "hosts:" or "children:".' });
    return { hosts: [], problems };
  }
  for (const [name, body] of Object.entries(data)) {
    if (name !== '_meta') addGroup(name, body, [name], groups, problems);
  }
  const depths = depthsOf(groups, problems);
  const hosts = new Map<string, { path: readonly PropertyKey[]; vars: Map<string, Sourced>; groups: string[] }>();
  for (const [groupName, group] of groups) {
    for (const [name, { path }] of group.hosts) {
      const host = hosts.get(name) ?? { path, vars: new Map(), groups: [] as string[] };
      host.groups.push(groupName);
      hosts.set(name, host);
    }
  }
  const metaVars = metaOf(data);
  const found = [...hosts].map(([name, host]) => {
    const order = [...new Set(host.groups.flatMap((group) => withAncestors(group, groups)))].sort((a, b) => (depths.get(a) ?? 0) - (depths.get(b) ?? 0) || (a < b ? -1 : 1));
    const vars = new Map<string, Sourced>();
    for (const layer of [
      groups.get('all')?.vars,
      ...order.map((group) => groups.get(group)?.vars),
      ...host.groups.map((group) => groups.get(group)?.hosts.get(name)?.vars),
      metaVars(name),
    ]) {
      for (const [key, value] of layer ?? []) vars.set(key, value);
    }
    return { name, path: host.path, vars };
  });
  return { hosts: found, problems };
}

function addGroup(name: string, body: unknown, path: readonly PropertyKey[], groups: Map<string, Group>, problems: Problem[]): void {
  const group = groups.get(name) ?? { hosts: new Map(), vars: new Map(), children: new Set() };
  groups.set(name, group);
  if (body === null || body === undefined) return;
  if (!isRecord(body)) {
    problems.push({ path, summary: `group "${name}" is not a mapping`, nextAction: 'Give it "hosts:", "children:" or "vars:".' });
    return;
  }
  for (const key of Object.keys(body)) {
    if (!['hosts', 'children', 'vars'].includes(key)) {
      problems.push({
        path: [...path, key],
        summary: `group "${name}" has an unknown key "${key}"`,
        nextAction: 'A group has hosts, children and vars; a host belongs under "hosts:".',
      });
    }
  }
  for (const [key, value] of entriesOf(body.vars)) group.vars.set(key, { value, path: [...path, 'vars', key] });
  for (const [i, [pattern, vars]] of entriesOf(body.hosts).entries()) {
    // The JSON form has a list of names, YAML a mapping.
    const place = [...path, 'hosts', Array.isArray(body.hosts) ? i : pattern];
    const names = expandRange(pattern);
    if (!Array.isArray(names)) problems.push({ path: place, summary: `"${pattern}" is not a range of hosts`, cause: names.wrong, nextAction: 'Write it as in "node[01:50]".' });
    for (const hostName of Array.isArray(names) ? names : []) {
      const host = group.hosts.get(hostName) ?? { path: place, vars: new Map() };
      for (const [key, value] of entriesOf(vars)) host.vars.set(key, { value, path: [...place, key] });
      group.hosts.set(hostName, host);
    }
  }
  for (const [i, [child, childBody]] of entriesOf(body.children).entries()) {
    group.children.add(child);
    addGroup(child, childBody, [...path, 'children', Array.isArray(body.children) ? i : child], groups, problems);
  }
}

/** Longest way down from a group without parents. A group inside itself is a problem, once. */
function depthsOf(groups: ReadonlyMap<string, Group>, problems: Problem[]): Map<string, number> {
  const depths = new Map([...groups.keys()].map((name) => [name, 0]));
  // Each pass settles one level; a circle is still moving after as many passes as there are groups.
  for (let pass = 0; pass <= groups.size; pass += 1) {
    let moved = false;
    for (const [name, { children }] of groups) {
      for (const child of children) {
        const depth = (depths.get(name) ?? 0) + 1;
        if ((depths.get(child) ?? 0) >= depth) continue;
        depths.set(child, depth);
        moved = true;
      }
    }
    if (!moved) return depths;
  }
  problems.push({ path: [], summary: 'a group contains itself', nextAction: 'Take the circle out of "children".' });
  return depths;
}

function withAncestors(name: string, groups: ReadonlyMap<string, Group>): string[] {
  const found = new Set([name]);
  for (const known of found) {
    for (const [parent, { children }] of groups) if (children.has(known)) found.add(parent);
  }
  return [...found];
}

function metaOf(data: Record<string, unknown>): (host: string) => Vars | undefined {
  const meta = isRecord(data._meta) ? data._meta.hostvars : undefined;
  return (host) => {
    const vars = isRecord(meta) ? meta[host] : undefined;
    return isRecord(vars) ? new Map(Object.entries(vars).map(([key, value]) => [key, { value, path: ['_meta', 'hostvars', host, key] }])) : undefined;
  };
}

function entriesOf(value: unknown): [string, unknown][] {
  if (Array.isArray(value)) return value.map((name) => [String(name), undefined]);
  return isRecord(value) ? Object.entries(value) : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
