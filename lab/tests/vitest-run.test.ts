import { describe, expect, it } from 'vitest';
import { tallyOf } from './vitest-run.js';

const report = { success: true, numPassedTests: 4, numFailedTests: 0, numPendingTests: 1, numTodoTests: 0 };

describe('what is counted', () => {
  it.each([
    ['all is well', report, 0, { passed: 4, failed: 0, skipped: 1 }],
    ['a test failed', { ...report, success: false, numFailedTests: 2 }, 1, { passed: 4, failed: 2, skipped: 1 }],
    ['a hook broke, so that its tests did not run', { ...report, success: false, numPassedTests: 0, numPendingTests: 5 }, 1, { passed: 0, failed: 1, skipped: 5 }],
    ['an error outside of all tests', report, 1, { passed: 4, failed: 1, skipped: 1 }],
    ['no report: killed, or vitest did not start', undefined, 137, { passed: 0, failed: 1, skipped: 0 }],
  ])('%s', (_name, given, exitCode, expected) => {
    expect(tallyOf(given, exitCode)).toEqual(expected);
  });
});
