import { expect, it } from 'vitest';
import { freeBlock } from './addresses.js';

const portsIn = (block: number) => [{ address: `127.${block}.0.1`, port: 6443 }];

it('clusters that start at once do not meet: each gets a block of its own', async () => {
  const blocks = await Promise.all(Array.from({ length: 8 }, () => freeBlock(portsIn, { spread: true })));
  const one = await freeBlock(portsIn);
  expect(new Set([...blocks, one]).size).toBe(9);
});
