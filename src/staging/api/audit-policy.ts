/** Which requests are written into an audit log, and how much of them: apiserver pkg/audit/policy (reader.go, checker.go). */

import { parse } from 'yaml';
import { z } from 'zod';
import type { User } from './authenticate.js';
import type { RequestInfo } from './request-info.js';

export type AuditStage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete';

const level = z.enum(['None', 'Metadata', 'Request', 'RequestResponse']);
const texts = z.array(z.string()).default([]);
const policyShape = z.looseObject({
  apiVersion: z.literal('audit.k8s.io/v1'),
  kind: z.literal('Policy'),
  omitStages: texts,
  rules: z
    .array(
      z.looseObject({
        level,
        users: texts,
        userGroups: texts,
        verbs: texts,
        namespaces: texts,
        nonResourceURLs: texts,
        resources: z.array(z.looseObject({ group: z.string().default(''), resources: texts, resourceNames: texts })).default([]),
        omitStages: texts,
      }),
    )
    .min(1),
});

export type AuditPolicy = z.infer<typeof policyShape>;
type Rule = AuditPolicy['rules'][number];

/** Throws an Error with what the real one says where it refuses to start. */
export function readAuditPolicy(text: string, path: string): AuditPolicy {
  try {
    return policyShape.parse(parse(text));
  } catch (error) {
    throw new Error(`loading audit policy file: failed decoding: from file ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** The first rule that matches decides; without one nothing is written. `user` is undefined for whoever was refused. */
export function auditLevel(policy: AuditPolicy, info: RequestInfo, user: User | undefined): { readonly level: Rule['level']; readonly omitStages: ReadonlySet<string> } {
  const rule = policy.rules.find((one) => matches(one, info, user));
  return { level: rule?.level ?? 'None', omitStages: new Set([...policy.omitStages, ...(rule?.omitStages ?? [])]) };
}

function matches(rule: Rule, info: RequestInfo, user: User | undefined): boolean {
  if (rule.users.length > 0 && !rule.users.includes(user?.name ?? '')) return false;
  if (rule.userGroups.length > 0 && !rule.userGroups.some((group) => user?.groups.includes(group) === true)) return false;
  if (rule.verbs.length > 0 && !rule.verbs.includes(info.verb)) return false;
  if (rule.namespaces.length > 0 || rule.resources.length > 0) return isResource(rule, info);
  if (rule.nonResourceURLs.length > 0) return !info.isResource && rule.nonResourceURLs.some((spec) => isPath(spec, info.path));
  return true;
}

function isPath(spec: string, path: string): boolean {
  return spec === '*' || spec === path || (spec.endsWith('*') && path.startsWith(spec.replace(/\*+$/, '')));
}

function isResource(rule: Rule, { isResource: asks, namespace, group, resource, subresource, name }: RequestInfo): boolean {
  if (!asks || (rule.namespaces.length > 0 && !rule.namespaces.includes(namespace))) return false;
  if (rule.resources.length === 0) return true;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return rule.resources
    .filter((one) => one.group === group)
    .some(
      ({ resources, resourceNames }) =>
        resources.length === 0 ||
        ((resourceNames.length === 0 || resourceNames.includes(name)) &&
          resources.some((one) => one === '*' || one === whole || one === `${resource}/*` || (subresource !== '' && one === `*/${subresource}`))),
    );
}
