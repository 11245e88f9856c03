/** Reporter of one line for scripts and CI: `12 passed, 0 failed`, with `, 3 skipped` where tests were skipped. */

import type { Reporter, TestModule } from 'vitest/node';

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** What is needed of vitest's module, so that the counting can be tested without a run. */
export interface CountedModule {
  ok(): boolean;
  readonly children: { allTests(): Iterable<{ result(): { state: string } }> };
}

/** A file that could not be loaded, or whose hooks broke, counts as one failed test: it must never look like success. */
export function tally(modules: readonly CountedModule[], unhandledErrors: number): Tally {
  const sum: Tally = { passed: 0, failed: unhandledErrors, skipped: 0 };
  for (const module of modules) {
    const failedBefore = sum.failed;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') sum.passed += 1;
      else if (state === 'failed') sum.failed += 1;
      else sum.skipped += 1;
    }
    if (!module.ok() && sum.failed === failedBefore) sum.failed += 1;
  }
  return sum;
}

export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    process.stdout.write(`${closingLine(tally(modules, unhandledErrors.length))}\n`);
  }
}
