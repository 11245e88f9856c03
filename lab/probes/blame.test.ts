import { expect, it } from 'vitest';
import { blame } from './blame.js';
import { parseStalls } from './machine.js';
import type { FailedProbe } from './raw-log.js';

const timedOut: FailedProbe = { t: 10_000, class: 'outgoing-leaf', target: 'lb', kind: 'write', ms: 1000.4, stage: 'request', error: 'context deadline exceeded' };

it.each<[string, FailedProbe, string, 'cluster' | 'machine']>([
  ['a deadline on a machine that never stalled', timedOut, '', 'cluster'],
  ['a deadline while the disk stood still', timedOut, '{"t":10100,"what":"disk","ms":900}', 'machine'],
  ['a deadline while nobody got a processor', timedOut, '{"t":9500,"what":"processor","ms":1000}', 'machine'],
  ['a deadline just after a stall', timedOut, '{"t":9000,"what":"disk","ms":1100}', 'cluster'],
  ['a deadline with a short stall', timedOut, '{"t":10100,"what":"disk","ms":350}', 'cluster'],
  [
    'a refused connection while the disk stood still',
    { ...timedOut, ms: 900, stage: 'dial', error: 'connect: connection refused' },
    '{"t":10000,"what":"disk","ms":900}',
    'cluster',
  ],
  [
    'a certificate that does not verify while the disk stood still',
    { ...timedOut, stage: 'handshake', error: 'x509: certificate signed by unknown authority' },
    '{"t":10000,"what":"disk","ms":900}',
    'cluster',
  ],
  [
    'an answer of 504 while the disk stood still',
    { ...timedOut, stage: 'status', status: 504, error: 'Timeout: request did not complete' },
    '{"t":10000,"what":"disk","ms":900}',
    'cluster',
  ],
])('%s', (_what, probe, log, whose) => {
  expect(blame([probe], parseStalls(log))).toEqual({ cluster: [], machine: [], [whose]: [probe] });
});
