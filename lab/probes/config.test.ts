import { describe, expect, it } from 'vitest';
import { defaultLanes } from './config.js';

describe('the default lanes', () => {
  const targets = { lb: { address: 'a:1' }, cp1: { address: 'b:1' }, cp2: { address: 'c:1' } };

  it('let the classes take turns at each target', () => {
    const lanes = defaultLanes(targets);
    expect(lanes.every(({ everyMs, over }) => everyMs === 50 && over.classes === 'rotate')).toBe(true);
    expect(lanes.find(({ name }) => name === 'fresh-direct')).toMatchObject({ targets: ['cp1', 'cp2'], over: { targets: 'each' } });
  });

  it('give each class its own through the load balancer when asked', () => {
    const lanes = defaultLanes(targets, { set: 'per-class', everyMs: 100 });
    expect(lanes.find(({ name }) => name === 'fresh-lb')).toMatchObject({ targets: ['lb'], everyMs: 100, over: { classes: 'each' } });
    expect(lanes.find(({ name }) => name === 'fresh-direct')).toMatchObject({ over: { classes: 'rotate', targets: 'rotate' } });
  });

  it('leave out what has no target', () => {
    expect(defaultLanes({ lb: { address: 'a:1' } }).map(({ name }) => name)).toEqual(['fresh-lb', 'kept-lb', 'write-lb']);
  });
});
