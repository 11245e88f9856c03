import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import { failuresOf } from '../../domain/errors.js';
import type { NodeShell } from '../../ports/node-shell.js';
import { backUpNodes } from './kind.js';

const record = 'backup-cp1.json';
const params = backUpNodes.params.parse({});
let world: PaperWorld;

beforeEach(async () => {
  world = await createPaperWorld();
});
afterEach(() => world.close());

/** The script that lists the hashes is another one. */
function listingWith(must: NodeShell['must']) {
  const site = world.site();
  return {
    ...site,
    shell: { ...site.shell, must: (script: string, limits: Parameters<NodeShell['must']>[1]) => (script.includes('sha256sum') ? must : site.shell.must)(script, limits) },
  };
}

describe('back-up-nodes', () => {
  it('records path and hash of each file, once', async () => {
    await backUpNodes.apply(world.site(), params);
    const { files } = JSON.parse(world.artefacts.get(record) ?? '') as { files: Record<string, string> };
    expect(Object.keys(files)).toEqual(expect.arrayContaining(['/etc/kubernetes/admin.conf', '/etc/kubernetes/pki/ca.key']));
    expect(Object.values(files).every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
    expect(await backUpNodes.inspect(world.site(), params)).toBe('present');
    expect(await backUpNodes.verify(world.site(), params)).toEqual([]);
  });

  it.each([
    ['a file that cannot be read', 'command-failed', (script: string) => script.replace('{} +', '{} /etc/kubernetes/unreadable +')],
    ['no file at all', 'file-missing', () => 'true'],
  ])('fails for %s, and records nothing; the next try is a whole one', async (_, code, change) => {
    const { shell } = world.site();
    const failed = await backUpNodes
      .apply(
        listingWith((script, limits) => shell.must(change(script), limits)),
        params,
      )
      .catch(failuresOf);
    expect(failed?.map((one) => one.code)).toEqual([code]);
    expect(world.artefacts.has(record)).toBe(false);
    expect(await backUpNodes.inspect(world.site(), params)).toBe('absent');
    await backUpNodes.apply(world.site(), params);
    expect(await backUpNodes.verify(world.site(), params)).toEqual([]);
  });
});
