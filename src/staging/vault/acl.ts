/** What policies grant on a path: the most specific rule alone decides, and rules of the same path are joined (vault/acl.go). */

import type { Capability, PathRule } from './policy-text.js';

export interface Acl {
  /** What a token may do there; `['deny']` when nothing or a denial. In the order in which Vault lists it. */
  capabilities(path: string): Capability[];
  allows(path: string, capability: Capability): boolean;
  /** Is anything at all granted at or below this mount (`pki/`)? */
  reaches(mount: string): boolean;
}

/** vault/capabilities.go sorts them by name. */
export function aclOf(rules: readonly PathRule[]): Acl {
  const merged = new Map<string, Set<Capability>>();
  for (const rule of rules) {
    const all = merged.get(rule.path) ?? new Set<Capability>();
    for (const capability of rule.capabilities) all.add(capability);
    merged.set(rule.path, all);
  }

  function granted(path: string): ReadonlySet<Capability> {
    const set = ruleFor(merged, path);
    return set === undefined || set.has('deny') ? new Set<Capability>() : set;
  }

  return {
    capabilities(path) {
      const found = [...granted(path)].sort();
      return found.length === 0 ? ['deny'] : found;
    },
    allows: (path, capability) => granted(path).has(capability),
    reaches: (mount) => [...merged].some(([pattern, set]) => !set.has('deny') && set.size > 0 && touches(pattern, mount)),
  };
}

/** A list asks with a slash at the end; a rule without one is for it, too. */
function ruleFor(merged: ReadonlyMap<string, Set<Capability>>, path: string): Set<Capability> | undefined {
  const exact = merged.get(path) ?? (path.endsWith('/') ? merged.get(path.slice(0, -1)) : undefined);
  if (exact !== undefined && !path.includes('+')) return exact;
  return (path.endsWith('/') ? bestWildcard(merged, path.slice(0, -1)) : undefined) ?? bestWildcard(merged, path);
}

interface Candidate {
  readonly pattern: string;
  readonly firstWildcard: number;
  readonly isPrefix: boolean;
  readonly segments: number;
}

function bestWildcard(merged: ReadonlyMap<string, Set<Capability>>, path: string): Set<Capability> | undefined {
  const candidates = [...merged.keys()].filter((pattern) => matches(pattern, path)).map(describe);
  const best = candidates.sort(byPriority).at(-1);
  return best === undefined ? undefined : merged.get(best.pattern);
}

function describe(pattern: string): Candidate {
  const plus = pattern.search(/(?:^|\/)\+(?:\/|$|\*)/);
  const star = pattern.endsWith('*') ? pattern.length - 1 : -1;
  const wildcards = [plus < 0 ? -1 : pattern.indexOf('+', plus), star].filter((at) => at >= 0);
  return { pattern, firstWildcard: Math.min(...wildcards), isPrefix: star >= 0, segments: pattern.split('/').filter((part) => part === '+').length };
}

/** Ascending: first wildcard later, no prefix, fewer `+`, longer, by letters. */
function byPriority(a: Candidate, b: Candidate): number {
  if (a.firstWildcard !== b.firstWildcard) return a.firstWildcard - b.firstWildcard;
  if (a.isPrefix !== b.isPrefix) return a.isPrefix ? -1 : 1;
  if (a.segments !== b.segments) return b.segments - a.segments;
  if (a.pattern.length !== b.pattern.length) return a.pattern.length - b.pattern.length;
  return a.pattern < b.pattern ? -1 : 1;
}

/** Patterns with a `+` segment, a `*` at the end, or both. */
export function matches(pattern: string, path: string): boolean {
  const isPrefix = pattern.endsWith('*');
  if (!isPrefix && !pattern.split('/').includes('+')) return false;
  const wanted = (isPrefix ? pattern.slice(0, -1) : pattern).split('/');
  const parts = path.split('/');
  if (parts.length < wanted.length || (!isPrefix && parts.length !== wanted.length)) return false;
  return wanted.every((part, i) => part === '+' || part === parts[i] || (isPrefix && i === wanted.length - 1 && (parts[i] ?? '').startsWith(part)));
}

function touches(pattern: string, mount: string): boolean {
  const fixed = pattern.replace(/\*$/, '').split('/');
  const parts = mount.replace(/\/$/, '').split('/');
  return parts.every((part, i) => {
    const own = fixed[i];
    if (own === undefined) return pattern.endsWith('*');
    return own === '+' || own === part || (pattern.endsWith('*') && i === fixed.length - 1 && part.startsWith(own));
  });
}
