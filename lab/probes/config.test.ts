import { describe, expect, it } from 'vitest';
import { defaultLanes } from './config.js';

describe('the default lanes', () => {
  it('give each class its own through the load balancer, and let them take turns at each apiserver', () => {
    const lanes = defaultLanes({ lb: { address: 'a:1' }, cp1: { address: 'b:1' }, cp2: { address: 'c:1' } });
    expect(lanes.find(({ name }) => name === 'fresh-lb')).toMatchObject({ targets: ['lb'], everyMs: 50, over: { classes: 'each' } });
    expect(lanes.find(({ name }) => name === 'fresh-direct')).toMatchObject({ targets: ['cp1', 'cp2'], over: { classes: 'rotate', targets: 'each' } });
  });

  it('leave out what has no target', () => {
    expect(defaultLanes({ lb: { address: 'a:1' } }).map(({ name }) => name)).toEqual(['fresh-lb', 'kept-lb', 'write-lb']);
  });
});
