import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStateDir } from './state-dir.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rotate-ca-state-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('openStateDir', () => {
  it.each([
    ['--state-dir', { XDG_STATE_HOME: '/x' }, '/y', '/y'],
    ['XDG_STATE_HOME', { XDG_STATE_HOME: '/x', HOME: '/h' }, undefined, '/x/rotate-ca'],
    ['a relative XDG_STATE_HOME, which does not count', { XDG_STATE_HOME: 'x', HOME: '/h' }, undefined, '/h/.local/state/rotate-ca'],
    ['HOME', { HOME: '/h' }, undefined, '/h/.local/state/rotate-ca'],
  ])('is found by %s', (_name, env, override, root) => {
    expect(openStateDir({ env, override }).root).toBe(root);
  });

  it('keeps each run in a private folder', () => {
    const state = openStateDir({ env: {}, override: join(folder, 's') });
    expect(state.runs()).toEqual([]);
    expect(() => state.run('r1')).toThrow('There are no runs');
    const made = state.makeRun('r1');
    state.makeRun('r0');
    writeFileSync(join(folder, 's', 'runs', 'note.txt'), '');
    expect(statSync(made.folder).mode & 0o777).toBe(0o700);
    expect(statSync(state.root).mode & 0o777).toBe(0o700);
    expect(state.run('r1')).toEqual(made);
    expect(made.journal).toBe(join(folder, 's', 'runs', 'r1', 'journal.jsonl'));
    expect(state.runs()).toEqual(['r0', 'r1']);
    expect(() => state.makeRun('r1')).toThrow('there is a run of that name already');
    expect(() => state.run('r2')).toThrow('The runs are: r0, r1');
    expect(state.lockFile('../a')).toBe(join(folder, 's', 'locks', '___a.lock'));
  });

  it.each(['../x', '', '.', 'a/b', '.hidden', 'a b'])('refuses the name "%s"', (name) => {
    const state = openStateDir({ env: {}, override: folder });
    expect(() => state.makeRun(name)).toThrow('a run is named with');
    expect(() => state.run(name)).toThrow('not known');
  });
});
