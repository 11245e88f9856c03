/** Draws by a seed, the same on every machine: the commit decides what is tested, so that a failure can be drawn again. */

import { createHash } from 'node:crypto';

/** A number from 0 to below 1 for this seed and purpose. */
export function drawNumber(seed: string, purpose: string): number {
  return createHash('sha256').update(`${seed}\0${purpose}`).digest().readUInt32BE(0) / 2 ** 32;
}

export function drawOne<Item>(seed: string, purpose: string, items: readonly [Item, ...Item[]]): Item {
  return items[Math.floor(drawNumber(seed, purpose) * items.length)] ?? items[0];
}

/** The same items in a drawn order. */
export function drawOrder<Item>(seed: string, items: readonly Item[], nameOf: (item: Item) => string): Item[] {
  return [...items].sort((a, b) => drawNumber(seed, nameOf(a)) - drawNumber(seed, nameOf(b)));
}
