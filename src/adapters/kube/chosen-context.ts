/** The one cluster and user that a run talks with, chosen as kubectl chooses them. */

import { fail } from '../../domain/errors.js';
import type { Entry, Kubeconfigs } from './kubeconfig-file.js';

export interface Choice {
  readonly context?: string;
  readonly cluster?: string;
  readonly user?: string;
}

export interface Chosen {
  readonly cluster: Entry;
  readonly user: Entry;
  /** "kubectl --kubeconfig F --context C": what an operator types to speak with the same credential. */
  readonly kubectl: string;
}

/** --cluster and --user win over those of the context. Throws kubeconfig-invalid, with the names that are known. */
export function chooseContext(from: Kubeconfigs, choice: Choice): Chosen {
  const files = from.files.join(':');
  const contextName = choice.context ?? from.currentContext;
  const context = contextName === undefined ? undefined : from.contexts.get(contextName);
  if (contextName !== undefined && context === undefined && (choice.context !== undefined || choice.cluster === undefined || choice.user === undefined)) {
    fail('kubeconfig-invalid', {
      target: files,
      summary: `The kubeconfig has no context "${contextName}"`,
      cause: known('contexts', from.contexts),
      nextAction: 'Name one of them with --context',
    });
  }
  if (context === undefined && (choice.cluster === undefined || choice.user === undefined)) {
    fail('kubeconfig-invalid', {
      target: files,
      summary: 'The kubeconfig has no current context',
      cause: known('contexts', from.contexts),
      nextAction: 'Name one of them with --context',
    });
  }
  return {
    cluster: part('cluster', choice.cluster, context, from.clusters, files),
    user: part('user', choice.user, context, from.users, files),
    // kubectl takes a list in its variable only.
    kubectl: [...(from.files.length > 1 ? [`KUBECONFIG=${files} kubectl`] : [`kubectl --kubeconfig ${files}`]), ...flags(choice)].join(' '),
  };
}

function part(what: 'cluster' | 'user', asked: string | undefined, context: Entry | undefined, entries: ReadonlyMap<string, Entry>, files: string): Entry {
  const named = asked ?? context?.body[what];
  const target = asked === undefined ? (context?.at ?? files) : files;
  if (named === undefined || named === null || named === '') {
    return fail('kubeconfig-invalid', {
      target,
      summary: `The context "${context?.name ?? ''}" names no ${what}`,
      cause: known(`${what}s`, entries),
      nextAction: `Name one with --${what}, or take another context with --context`,
    });
  }
  const entry = entries.get(String(named));
  if (entry !== undefined) return entry;
  return fail('kubeconfig-invalid', {
    target,
    summary: asked === undefined ? `The context "${context?.name ?? ''}" names the ${what} "${String(named)}", which is not there` : `The kubeconfig has no ${what} "${asked}"`,
    cause: known(`${what}s`, entries),
    nextAction: `Name one with --${what}, or take another context with --context`,
  });
}

function known(what: string, entries: ReadonlyMap<string, Entry>): string {
  return entries.size === 0 ? `it has no ${what} at all` : `its ${what} are ${[...entries.keys()].map((name) => `"${name}"`).join(', ')}`;
}

function flags(choice: Choice): string[] {
  const given = [
    ['context', choice.context],
    ['cluster', choice.cluster],
    ['user', choice.user],
  ] as const;
  return given.flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag} ${value}`]));
}
