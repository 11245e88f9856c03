/** Edits extra arguments of kube-controller-manager in the text of a ClusterConfiguration (ConfigMap kube-system/kubeadm-config); the rest keeps its bytes. */

import { fail } from '../errors.js';
import {
  columnOf,
  dashOf,
  insertPair,
  isMap,
  isScalar,
  isSeq,
  lineEndOf,
  type Node,
  openYaml,
  type OpenYaml,
  pairOf,
  rangeOf,
  removeItem,
  removePair,
  rendered,
  replaceScalar,
  type Scalar,
  withoutLineEnd,
  type YAMLMap,
  type YAMLSeq,
} from './yaml-edit.js';

const component = 'controllerManager';

/** The arguments by name; of one that is there several times the last. An empty text has none. Throws layout-unsupported. */
export function readControllerManagerArgs(text: string): Record<string, string> {
  if (text.trim() === '') return {};
  const { list, map } = argumentsOf(openYaml(text));
  const entries =
    list === undefined
      ? (map?.items ?? []).map(({ key, value }) => [String((key as Scalar).value), valueText(value)])
      : mapsIn(list).map((item) => [String(item.get('name')), String(item.get('value') ?? '')]);
  return Object.fromEntries(entries as [string, string][]);
}

/**
 * The text with arguments set, or taken out where the value is undefined. v1beta4 has a list of name and value, v1beta3 a map.
 * When the last one goes, `extraArgs` goes too, and an empty controllerManager is `{}`, as kubeadm writes it. Throws layout-unsupported.
 */
export function withControllerManagerArgs(text: string, args: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(args).reduce((edited, [name, value]) => withArgument(edited, name, value), text);
}

function withArgument(text: string, name: string, value: string | undefined): string {
  const open = openYaml(text);
  const { root, manager, list, map, isList } = argumentsOf(open);
  if (list !== undefined) return withListed(open, manager as YAMLMap, list, name, value);
  if (map !== undefined) return withMapped(open, manager as YAMLMap, map, name, value);
  if (value === undefined) return text;
  const lines = isList ? ['extraArgs:', `- name: ${rendered(name)}`, `  value: ${rendered(value)}`] : ['extraArgs:', `  ${rendered(name)}: ${rendered(value)}`];
  const present = pairOf(root, component);
  if (manager !== undefined && manager.items.length > 0 && manager.flow !== true) return insertPair(open, manager, 'extraArgs', { lines: lines.slice(1) });
  const nested = lines.map((line) => `  ${line}`);
  if (present === undefined) return insertPair(open, root, component, { lines: nested });
  if (manager !== undefined && manager.items.length > 0) return unsupported('controllerManager is written in one line');
  const end = present.value?.range ? rangeOf(present.value)[1] : rangeOf(present.key)[1] + 1;
  const eol = lineEndOf(text);
  return `${text.slice(0, rangeOf(present.key)[1])}:${eol}${nested.join(eol)}${text.slice(end)}`;
}

function withListed(open: OpenYaml, manager: YAMLMap, list: YAMLSeq, name: string, value: string | undefined): string {
  const { text } = open;
  const index = list.items.findIndex((item) => isMap(item) && item.get('name') === name);
  if (index >= 0) {
    if (value === undefined) return list.items.length === 1 ? withoutArguments(open, manager) : withArgument(removeItem(open, list, index), name, undefined);
    const pair = pairOf(list.items[index] as YAMLMap, 'value');
    if (!isScalar(pair?.value)) return unsupported(`the argument "${name}" has no value`);
    return String(pair.value.value) === value ? text : replaceScalar(open, pair.value, value);
  }
  if (value === undefined) return text;
  const first = list.items[0] as Node | undefined;
  if (first === undefined || list.flow === true) return unsupported('extraArgs is written in one line');
  const dash = dashOf(open, first);
  const indent = ' '.repeat(columnOf(text, dash));
  const eol = lineEndOf(text);
  return `${text.slice(0, dash)}- name: ${rendered(name)}${eol}${indent}  value: ${rendered(value)}${eol}${indent}${text.slice(dash)}`;
}

function withMapped(open: OpenYaml, manager: YAMLMap, map: YAMLMap, name: string, value: string | undefined): string {
  const pair = pairOf(map, name);
  if (value === undefined) {
    if (pair === undefined) return open.text;
    return map.items.length === 1 && map.flow !== true ? withoutArguments(open, manager) : removePair(open, map, name);
  }
  if (pair === undefined) return insertPair(open, map, name, value);
  if (!isScalar(pair.value)) return unsupported(`the argument "${name}" has no value`);
  return String(pair.value.value) === value ? open.text : replaceScalar(open, pair.value, value);
}

function withoutArguments(open: OpenYaml, manager: YAMLMap): string {
  if (manager.items.length > 1) return removePair(open, manager, 'extraArgs');
  const { text } = open;
  const key = pairOf(open.doc.contents as unknown as YAMLMap, component)?.key;
  if (key === undefined) return text;
  const keyEnd = rangeOf(key)[1];
  return `${text.slice(0, keyEnd)}: {}${text.slice(withoutLineEnd(text, rangeOf(manager)[1]))}`;
}

interface Arguments {
  readonly root: YAMLMap;
  readonly manager: YAMLMap | undefined;
  readonly list: YAMLSeq | undefined;
  readonly map: YAMLMap | undefined;
  readonly isList: boolean;
}

function argumentsOf(open: OpenYaml): Arguments {
  if (open.broken !== undefined) return unsupported(`${open.broken.at}: ${open.broken.cause}`);
  const root = open.doc.contents;
  if (!isMap(root) || (root as YAMLMap).get('kind') !== 'ClusterConfiguration') return unsupported('it is not a ClusterConfiguration');
  const version = String(root.get('apiVersion'));
  if (!/^kubeadm\.k8s\.io\/v1beta[34]$/.test(version)) return unsupported(`apiVersion "${version}" is not known here`);
  const isList = version.endsWith('v1beta4');
  const manager = pairOf(root as YAMLMap, component)?.value;
  if (manager === undefined || manager === null || (isScalar(manager) && manager.value === null))
    return { root: root as YAMLMap, manager: undefined, list: undefined, map: undefined, isList };
  if (!isMap(manager)) return unsupported('controllerManager is not a map');
  const args = pairOf(manager, 'extraArgs')?.value;
  if (args !== undefined && args !== null && (isList ? !isSeq(args) : !isMap(args))) return unsupported(`extraArgs is not a ${isList ? 'list' : 'map'}`);
  return { root: root as YAMLMap, manager, list: isSeq(args) ? args : undefined, map: isMap(args) ? args : undefined, isList };
}

function mapsIn(list: YAMLSeq): YAMLMap[] {
  return list.items.filter((item): item is YAMLMap => isMap(item));
}

function valueText(node: unknown): string {
  return isScalar(node) && node.value !== null ? String(node.value) : '';
}

function unsupported(cause: string): never {
  return fail('layout-unsupported', {
    target: 'kube-system/kubeadm-config',
    summary: 'ConfigMap kubeadm-config cannot be edited',
    cause,
    nextAction: 'Look at it with "kubectl -n kube-system get configmap kubeadm-config -o yaml"',
  });
}
