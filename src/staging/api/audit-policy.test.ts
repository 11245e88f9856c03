import { describe, expect, it } from 'vitest';
import { auditLevel, readAuditPolicy } from './audit-policy.js';
import { requestInfo } from './request-info.js';

const policy = readAuditPolicy(
  `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - { level: None, verbs: [get], nonResourceURLs: ["/readyz*"] }
  - { level: None, users: [noisy] }
  - { level: Request, userGroups: [admins], omitStages: [ResponseStarted] }
  - { level: RequestResponse, resources: [{ group: "", resources: [pods, "*/scale"] }, { group: apps }] }
  - { level: Metadata, namespaces: [kube-system], resources: [{ group: "", resources: [secrets], resourceNames: [one] }] }
`,
  'policy.yaml',
);
const user = { name: 'alice', groups: ['g'] };

describe('the first rule that matches decides', () => {
  it.each<[string, string, { name: string; groups: string[] } | undefined, string]>([
    ['GET', '/readyz?verbose', user, 'None'],
    ['GET', '/version', user, 'None'],
    ['GET', '/version', { name: 'bob', groups: ['admins'] }, 'Request'],
    ['GET', '/api/v1/pods', { name: 'noisy', groups: ['admins'] }, 'None'],
    ['GET', '/api/v1/namespaces/a/pods/x', user, 'RequestResponse'],
    ['GET', '/api/v1/namespaces/a/pods/x/log', user, 'None'],
    ['PUT', '/api/v1/namespaces/a/replicationcontrollers/x/scale', user, 'RequestResponse'],
    ['GET', '/apis/apps/v1/deployments', undefined, 'RequestResponse'],
    ['GET', '/api/v1/namespaces/kube-system/secrets/one', user, 'Metadata'],
    ['GET', '/api/v1/namespaces/kube-system/secrets/two', user, 'None'],
    ['GET', '/api/v1/namespaces/a/secrets/one', user, 'None'],
  ])('%s %s by %o', (method, url, by, level) => expect(auditLevel(policy, requestInfo(method, url), by).level).toBe(level));
});

it('stages are left out by policy and rule', () => {
  const { omitStages } = auditLevel(policy, requestInfo('GET', '/version'), { name: 'bob', groups: ['admins'] });
  expect([...omitStages]).toEqual(['RequestReceived', 'ResponseStarted']);
});

it.each(['kind: [', 'apiVersion: audit.k8s.io/v1\nkind: Policy\n', 'apiVersion: v1\nkind: Policy\nrules: [{level: None}]\n'])('what is no policy ends the start: %j', (text) =>
  expect(() => readAuditPolicy(text, '/p.yaml')).toThrow('loading audit policy file: failed decoding: from file /p.yaml'),
);
