/** Which tests there are: `unit` beside the code, `cross` between folders, `lab` on a real cluster (only when it is asked for). */

import { defineConfig } from 'vitest/config';
import { ClosingLine } from './scripts/closing-line.js';

// Many tests start processes: on a loaded machine with two cores a second of them becomes a minute, and the longest take eight there.
// What hangs is ended by this; how long something may take is for the test to say.
const generousMs = 600_000;

const unit = {
  test: {
    name: 'unit',
    include: ['{src,lab,bench,scripts}/**/*.test.ts'],
    exclude: ['**/*.lab.test.ts'],
    testTimeout: generousMs,
    hookTimeout: generousMs,
  },
};

const cross = {
  test: {
    name: 'cross',
    include: ['test/**/*.test.ts'],
    exclude: ['**/*.lab.test.ts', 'test/lab/**'],
    testTimeout: generousMs,
    hookTimeout: generousMs,
  },
};

// One cluster for all: its tests run one after the other.
const lab = {
  test: {
    name: 'lab',
    include: ['**/*.lab.test.ts', 'test/lab/**/*.test.ts'],
    exclude: ['node_modules/**', 'dist/**'],
    fileParallelism: false,
    testTimeout: 1_800_000,
    hookTimeout: 1_800_000,
  },
};

// A plain `vitest run` must never touch a cluster.
const labIsAskedFor = process.argv.some((argument, i, all) => argument === '--project=lab' || (argument === 'lab' && all[i - 1] === '--project'));

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default', new ClosingLine()],
    projects: labIsAskedFor ? [lab] : [unit, cross],
    coverage: { provider: 'v8', include: ['src/domain/**/*.ts', 'src/engine/**/*.ts'], exclude: ['**/*.test.ts'] },
  },
});
