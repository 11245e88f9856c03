import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RotationError } from '../domain/errors.js';
import { readRecording } from './read-recording.js';

const text = readFileSync(new URL('../../fixtures/inventories/kubeadm-ha.json', import.meta.url), 'utf8');
const inventory = JSON.stringify(JSON.parse(text), null, 1);
const key = `-----BEGIN ${'RSA PRIVATE'} KEY-----\\nMIIE\\n-----END ${'RSA PRIVATE'} KEY-----`;

function refusal(json: string): { code: string; target: string; summary: string; cause: string; nextAction: string } | undefined {
  try {
    readRecording(json, 'plan.json');
    return undefined;
  } catch (error) {
    if (!(error instanceof RotationError)) throw error;
    return error.failures[0];
  }
}

describe('readRecording', () => {
  it('takes an inventory as it is', () => {
    expect(readRecording(inventory, 'i.json').nodes).toHaveLength(5);
  });

  it.each<[what: string, json: string, code: string, target: RegExp, summary: RegExp]>([
    ['nothing', '', 'plan-invalid', /^plan\.json:1:1$/, /truncated/],
    ['a truncated file', inventory.slice(0, 5000), 'inventory-invalid', /^plan\.json:\d+:\d+$/, /truncated/],
    ['no JSON', '{"kind": Plan}', 'plan-invalid', /^plan\.json:1:10$/, /not JSON/],
    ['something else', '{"kind":"Hosts"}', 'plan-invalid', /^plan\.json:1:1$/, /neither a plan nor an inventory/],
    ['another version', inventory.replace('rotate-ca/v1', 'rotate-ca/v9'), 'inventory-invalid', /^plan\.json:2:2$/, /another version/],
    ['a plan of another version', '{"apiVersion":"rotate-ca/v2",\n"kind":"Plan"}', 'plan-invalid', /^plan\.json:1:2$/, /another version/],
    ['a private key', inventory.replace('"name": "cp1"', `"name": "cp1",\n "key": "${key}"`), 'inventory-invalid', /^plan\.json:\d+:\d+$/, /holds a secret \(PEM private key\)/],
    ['a wrong value', inventory.replace('"rsa-2048"', '"rsa-1"'), 'inventory-invalid', /^plan\.json:\d+:\d+$/, /damaged/],
    [
      'a workload of another kind',
      inventory.replace('"objects": [', '"workloads": [{ "kind": "Job", "namespace": "a", "name": "b", "replicas": 1 }],\n "objects": ['),
      'inventory-invalid',
      /^plan\.json:\d+:\d+$/,
      /damaged/,
    ],
    [
      'no nodes',
      '{"apiVersion":"rotate-ca/v1","kind":"Inventory","cluster":{"uid":"u","server":"https://a:1","version":"v1"},\n "nodes":[],"objects":[]}',
      'inventory-invalid',
      /^plan\.json:2:10$/,
      /damaged/,
    ],
  ])('%s is refused with its place', (_what, json, code, target, summary) => {
    const failure = refusal(json);
    expect(failure?.code).toBe(code);
    expect(failure?.target).toMatch(target);
    expect(failure?.summary).toMatch(summary);
    expect(failure?.nextAction).toContain('rotate-ca plan --out plan.json');
    expect(JSON.stringify(failure)).not.toContain('MIIE');
  });
});
