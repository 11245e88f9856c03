/** The table itself: ids, size, and that docs/fidelity.md tells of what was recorded. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { tableOf, withTable } from './docs-table.js';
import { seenIn } from './report.js';
import { behaviours } from './table.js';

describe('the table of behaviours', () => {
  it('has enough of them, each with an id of its own and a rule', () => {
    expect(behaviours.length).toBeGreaterThanOrEqual(45);
    expect(new Set(behaviours.map(({ id }) => id)).size).toBe(behaviours.length);
    expect(behaviours.filter(({ id, rule, title }) => !/^[a-z0-9-]+$/.test(id) || rule === '' || title === '')).toEqual([]);
  });

  it('was seen on the real cluster, all of it', () => {
    const lab = seenIn('lab');
    expect(behaviours.filter(({ id }) => !(id in lab)).map(({ id }) => id)).toEqual([]);
  });

  it('is the one that the docs show', () => {
    const document = readFileSync('docs/fidelity.md', 'utf8');
    expect(withTable(document, tableOf(behaviours, seenIn('lab'), seenIn('staging')))).toBe(document);
  });
});
