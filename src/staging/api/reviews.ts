/** Questions in the form of objects: who am I, is this token good, may somebody do this. */

import { mayDo } from './authorize.js';
import type { Attributes } from './authorize.js';
import type { User } from './authenticate.js';
import { type Asked, type Handled, jsonBody } from './served-api.js';
import { methodNotAllowed } from './status.js';

type Map = Record<string, unknown>;

interface AccessSpec {
  readonly resourceAttributes?: {
    readonly namespace?: string;
    readonly verb?: string;
    readonly group?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly name?: string;
  };
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
  readonly user?: string;
  readonly groups?: readonly string[];
}

/** undefined: not a review. */
export function review(asked: Asked): Handled | undefined {
  const { info, user, api } = asked;
  const answer = reviewsByPath[`${info.group}/${info.version}/${info.resource}`];
  if (answer === undefined) return undefined;
  if (asked.method !== 'POST') throw methodNotAllowed();
  const body = jsonBody(asked);
  const { kind, ...rest } = answer(body, user, asked);
  const metadata = { creationTimestamp: kind === 'SelfSubjectReview' ? new Date(api.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z') : null };
  return { status: 201, body: { kind, apiVersion: `${info.group}/${info.version}`, metadata, ...rest } };
}

const reviewsByPath: Readonly<Record<string, (body: Map, user: User, asked: Asked) => Map>> = {
  'authentication.k8s.io/v1/selfsubjectreviews': (_body, user) => ({ kind: 'SelfSubjectReview', status: { userInfo: userInfo(user) } }),
  'authentication.k8s.io/v1/tokenreviews': (body, _user, { api }) => {
    const spec = (body.spec ?? {}) as { token?: string; audiences?: readonly string[] };
    const verdict = api.authenticator.token(spec.token ?? '', spec.audiences);
    const audiences = spec.audiences ?? api.audiences;
    const status = 'user' in verdict ? { authenticated: true, user: userInfo(verdict.user), audiences } : { user: {}, error: `[invalid bearer token, ${verdict.error}]` };
    return { kind: 'TokenReview', spec, status };
  },
  'authorization.k8s.io/v1/selfsubjectaccessreviews': (body, user, asked) => access('SelfSubjectAccessReview', body, user, asked),
  'authorization.k8s.io/v1/subjectaccessreviews': (body, _user, asked) => access('SubjectAccessReview', body, subject(body), asked),
  'authorization.k8s.io/v1/localsubjectaccessreviews': (body, _user, asked) => access('LocalSubjectAccessReview', body, subject(body), asked),
  'authorization.k8s.io/v1/selfsubjectrulesreviews': (body, user, { api }) => {
    const everything = mayDo(user, { isResource: true, path: '', verb: '*', group: '*', namespace: '', resource: '*', name: '', subresource: '' }, api.store);
    const rules = everything ? [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] : [];
    return { kind: 'SelfSubjectRulesReview', spec: body.spec ?? {}, status: { resourceRules: rules, nonResourceRules: [], incomplete: !everything } };
  },
};

function access(kind: string, body: Map, user: User, { api }: Asked): Map {
  const spec = (body.spec ?? {}) as AccessSpec;
  const allowed = mayDo(user, attributesOf(spec), api.store);
  return { kind, spec, status: { allowed, ...(allowed ? { reason: 'RBAC: allowed' } : {}) } };
}

function attributesOf({ resourceAttributes: r, nonResourceAttributes: p }: AccessSpec): Attributes {
  const none = { isResource: false, path: p?.path ?? '', verb: p?.verb ?? '', group: '', namespace: '', resource: '', name: '', subresource: '' };
  if (r === undefined) return none;
  return {
    ...none,
    isResource: true,
    verb: r.verb ?? '',
    group: r.group ?? '',
    namespace: r.namespace ?? '',
    resource: r.resource ?? '',
    name: r.name ?? '',
    subresource: r.subresource ?? '',
  };
}

function subject(body: Map): User {
  const { user = '', groups = [] } = (body.spec ?? {}) as AccessSpec;
  return { name: user, groups };
}

function userInfo(user: User): Map {
  const { name: username, uid, groups, extra } = user;
  return { username, ...(uid === undefined ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) };
}
