/** Reads and edits the text of a static pod manifest; everything but the edited line keeps its bytes. */

import { fail } from '../errors.js';
import { flagOf, parseFlags } from './flags.js';
import {
  insertItemAfter,
  insertPair,
  isMap,
  isScalar,
  isSeq,
  type Node,
  openYaml,
  type OpenYaml,
  pairOf,
  removeItem,
  removePair,
  replaceScalar,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from './yaml-edit.js';

export interface Manifest {
  /** Name of the pod: `kube-apiserver`. */
  readonly name: string;
  /** Image of its first container. */
  readonly image: string;
  /** The program of its first container without its folder: of its command, or what the image is named after. */
  readonly program: string;
  /** Flags of its first container, without dashes. */
  readonly flags: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Throws layout-unsupported, with `source:line:column`, if it is not the manifest of a pod. */
export function readManifest(text: string, source = 'manifest'): Manifest {
  const open = openYaml(text);
  const { root, container } = partsOf(open, source);
  const annotations = root.getIn(['metadata', 'annotations'], true);
  const image = String(container.get('image') ?? '');
  const command = pairOf(container, 'command')?.value;
  const started = isSeq(command) ? textsOf(command)[0] : undefined;
  return {
    name: String(root.getIn(['metadata', 'name']) ?? ''),
    image,
    program: (started ?? image.replace(/(?::[^/]*|@.*)$/, '')).replace(/^.*\//, ''),
    flags: parseFlags(argumentLists(container).flatMap(textsOf)),
    annotations: isMap(annotations)
      ? Object.fromEntries(annotations.items.map(({ key, value }) => [String((key as Scalar).value), isScalar(value) ? String(value.value) : '']))
      : {},
  };
}

/** Flags of the first container, without dashes. */
export function readFlags(text: string, source = 'manifest'): Readonly<Record<string, string>> {
  return readManifest(text, source).flags;
}

/** The text with flags (without dashes) set, or taken out where the value is undefined. A new flag gets a line after the others. Throws layout-unsupported. */
export function withFlags(text: string, flags: Readonly<Record<string, string | undefined>>, source = 'manifest'): string {
  return Object.entries(flags).reduce((edited, [name, value]) => withFlag(edited, name, value, source), text);
}

function withFlag(text: string, name: string, value: string | undefined, source: string): string {
  const open = openYaml(text);
  const lists = argumentLists(partsOf(open, source).container);
  for (const list of lists) {
    const texts = textsOf(list);
    const index = texts.findIndex((_, i) => flagOf(texts, i)?.name === name);
    const found = flagOf(texts, index);
    if (found === undefined) continue;
    const again = (edited: string): string => withFlag(edited, name, undefined, source);
    if (value === undefined) return again(found.apart ? removeItem(openYaml(removeItem(open, list, index + 1)), list, index) : removeItem(open, list, index));
    if (found.value === value) return text;
    const dashes = /^--?/.exec(texts[index] ?? '')?.[0] ?? '--';
    return found.apart ? replaceScalar(open, list.items[index + 1] as Scalar, value) : replaceScalar(open, list.items[index] as Scalar, `${dashes}${name}=${value}`);
  }
  if (value === undefined) return text;
  const list = lists.findLast((candidate) => textsOf(candidate).some((_, i, texts) => flagOf(texts, i) !== undefined)) ?? lists[0];
  const last = list?.items.at(-1) as Node | undefined;
  if (list === undefined || last === undefined) return unsupported(source, '1:1', 'the first container has no command');
  return insertItemAfter(open, last, `--${name}=${value}`, list.flow === true);
}

/** The text with an annotation of the pod set, or taken out where the value is undefined. Throws layout-unsupported. */
export function withAnnotation(text: string, key: string, value: string | undefined, source = 'manifest'): string {
  const open = openYaml(text);
  const { root } = partsOf(open, source);
  const metadata = root.get('metadata', true);
  if (!isMap(metadata) || metadata.items.length === 0) return unsupported(source, '1:1', 'there is no metadata');
  const annotations = pairOf(metadata, 'annotations')?.value;
  if (annotations === undefined || !isMap(annotations)) {
    if (value === undefined) return text;
    if (annotations !== undefined) return unsupported(source, '1:1', 'annotations is not a map');
    if (metadata.flow === true) return unsupported(source, open.position(metadata.range?.[0] ?? 0), 'metadata is written in one line');
    return insertPair(open, metadata, 'annotations', { lines: [`  ${pairText(key, value)}`] });
  }
  const present = pairOf(annotations, key);
  if (value === undefined) {
    if (present === undefined) return text;
    return annotations.items.length === 1 && annotations.flow !== true ? removePair(open, metadata, 'annotations') : removePair(open, annotations, key);
  }
  if (present === undefined) return insertPair(open, annotations, key, value);
  if (!isScalar(present.value)) return unsupported(source, '1:1', `the annotation "${key}" is not a text`);
  return present.value.value === value ? text : replaceScalar(open, present.value, value);
}

// Values of annotations must be texts: quoted, so that "3" stays one.
function pairText(key: string, value: string): string {
  return `${key}: ${JSON.stringify(value)}`;
}

function partsOf(open: OpenYaml, source: string): { root: YAMLMap; container: YAMLMap } {
  if (open.broken !== undefined) return unsupported(source, open.broken.at, open.broken.cause);
  const root = open.doc.contents;
  if (!isMap(root)) return unsupported(source, '1:1', 'it is not a manifest: the top is not a map');
  const container = root.getIn(['spec', 'containers', 0], true);
  if (!isMap(container)) return unsupported(source, '1:1', 'there is no container in it');
  return { root: root as YAMLMap, container };
}

function argumentLists(container: YAMLMap): YAMLSeq[] {
  return ['command', 'args'].flatMap((key) => {
    const list = pairOf(container, key)?.value;
    return isSeq(list) ? [list] : [];
  });
}

function textsOf(list: YAMLSeq): string[] {
  return list.items.map((item) => (isScalar(item) ? String(item.value) : ''));
}

function unsupported(source: string, at: string, cause: string): never {
  const where = `${source}:${at}`;
  return fail('layout-unsupported', { target: source, summary: `${where} is not a static pod manifest as expected`, cause, nextAction: `Look at ${where}` });
}
