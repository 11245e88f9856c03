import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Inventory } from '../domain/cluster/inventory.js';
import { specFor } from './rehearse-spec.js';

const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-spec-'));
afterAll(() => rmSync(folder, { recursive: true }));
const recorded = JSON.parse(readFileSync('fixtures/inventories/kubeadm-ha.json', 'utf8')) as Inventory;

it('a scan that has reached no control plane is refused, with what it could not see', () => {
  const from = join(folder, 'scan.json');
  const nodes = recorded.nodes.filter(({ roles }) => !roles.includes('control-plane'));
  writeFileSync(from, JSON.stringify({ ...recorded, nodes, unseen: [{ place: 'cp1', why: 'timed out' }] }));
  expect(() => specFor({ topology: '', from })).toThrow(
    expect.objectContaining({
      failures: [expect.objectContaining({ code: 'inventory-invalid', target: from, cause: 'cp1: timed out', nextAction: expect.stringContaining('scan --out') as string })],
    }),
  );
});
