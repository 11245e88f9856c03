import { expect, it } from 'vitest';
import { nodesWith } from '../src/domain/cluster/inventory.js';
import { syntheticInventory } from './synthetic-inventory.js';

it.each([5, 100, 500])('%d nodes, all different, three of them control planes', (count) => {
  const inventory = syntheticInventory(count);
  expect(inventory.nodes).toHaveLength(count);
  expect(nodesWith(inventory, 'control-plane')).toHaveLength(3);
  expect(new Set(inventory.nodes.map((node) => node.name)).size).toBe(count);
  expect(new Set(inventory.nodes.map((node) => node.internalIp)).size).toBe(count);
});
