import { didYouMean } from '../src/domain/source/nearest.js';
import { type LayoutName, layoutOf, layoutOfRelease, layouts } from './layout.js';
import { releaseOf, releases } from './release.js';

/** What was asked for makes no sense: main prints the usage. */
export class UsageError extends Error {}

/**
 * Takes `--layout NAME` and `--kubernetes RELEASE` out of the arguments; of those for ssh only in front, since the rest is the other machine's.
 * Throws a UsageError for a name that is not known, and for two that do not fit together.
 */
export function takeLayout(command: string | undefined, args: readonly string[]): { readonly layout: LayoutName; readonly rest: string[] } {
  const named = takeOption('--layout', command, args);
  const asked = takeOption('--kubernetes', command, named.rest);
  // In the other order too, where both stand before the node of ssh.
  const last = named.word === undefined ? takeOption('--layout', command, asked.rest) : { word: named.word, rest: asked.rest };
  const layout = last.word === undefined ? undefined : knownLayout(last.word);
  if (asked.word === undefined) return { layout: layout ?? 'kubeadm', rest: last.rest };
  const release = releaseOf(asked.word);
  if (release === undefined) throw new UsageError(`--kubernetes: the lab has no release "${asked.word}". ${didYouMean(asked.word, Object.keys(releases))}There are: ${listed()}`);
  if (layout !== undefined && layouts[layout].release !== release) throw new UsageError(`--kubernetes: layout ${layout} is of release ${layouts[layout].release.name}`);
  return { layout: layout ?? layoutOfRelease(release), rest: last.rest };
}

function takeOption(name: string, command: string | undefined, args: readonly string[]): { readonly word?: string; readonly rest: string[] } {
  const at = args.findIndex((arg) => arg === name || arg.startsWith(`${name}=`));
  if (at < 0 || (command === 'ssh' && at > 0)) return { rest: [...args] };
  const inOne = args[at] !== name;
  return { word: inOne ? (args[at]?.slice(name.length + 1) ?? '') : (args[at + 1] ?? ''), rest: args.toSpliced(at, inOne ? 1 : 2) };
}

function knownLayout(word: string): LayoutName {
  const layout = layoutOf(word);
  if (layout === undefined) throw new UsageError(`--layout: no layout "${word}". ${didYouMean(word, Object.keys(layouts))}There are: ${Object.keys(layouts).join(', ')}`);
  return layout;
}

function listed(): string {
  return Object.values(releases)
    .map(({ name, version }) => `${name} (${version})`)
    .join(', ');
}
