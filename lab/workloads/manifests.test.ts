import { describe, expect, it } from 'vitest';
import { podCount, programs } from './manifests.js';

const images = (['go', 'node', 'python'] as const).map((language) => ({ language, reference: `felt-${language}:1`, archive: '' }));

describe('the workloads', () => {
  it('run the image of their language', () => {
    const text = JSON.stringify(programs(images, { onControlPlanes: false }));
    for (const { reference } of images) expect(text).toContain(`"image":"${reference}"`);
    expect(podCount).toBe(7);
  });

  it('tolerate control planes only where there are no workers', () => {
    expect(JSON.stringify(programs(images, { onControlPlanes: false }))).not.toContain('node-role');
    expect(JSON.stringify(programs(images, { onControlPlanes: true }))).toContain('node-role.kubernetes.io/control-plane');
  });

  it('are refused without an image', () => {
    expect(() => programs([], { onControlPlanes: false })).toThrow('no image was built');
  });
});
