/**
 * Preloaded (--import) into a program that is measured: at its end, writes the processor time that it took in ms and the peak of its memory in KiB to RECORD_USE.
 * With RECORD_MODULES it notes each file that is loaded by import, one URL a line; that is slow, so times are taken without it.
 */

import { writeFileSync } from 'node:fs';
import { register } from 'node:module';

const { RECORD_USE: use, RECORD_MODULES: modules } = process.env;

if (use !== undefined) {
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    writeFileSync(use, JSON.stringify({ cpuMs: (userCPUTime + systemCPUTime) / 1000, peakKib: maxRSS }));
  });
}
if (modules !== undefined) register('./record-modules.mjs', import.meta.url, { data: { file: modules } });
