import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openLab } from '../lab.js';
import { withLock } from '../lock.js';
import { prepareOutgoingClasses } from './classes.js';
import { defaultLanes, labTargets } from './config.js';
import { startProber } from './prober.js';
import { readFailures } from './raw-log.js';
import { formatSummary } from './summary.js';

// Probes the lab for a while and says what it saw: `node --import tsx lab/probes/main.ts --seconds 60`.
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    'every-ms': { type: 'string', default: '50' },
    'per-class': { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const lab = openLab();
const outDir = values.out ?? join(lab.paths.root, 'probes');
const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());

// Nobody takes a snapshot or restores one meanwhile: both would look like a failure of the API.
await withLock(lab.paths, 'probe', async () => {
  const classes = await prepareOutgoingClasses(lab, join(outDir, 'material'));
  const prober = await startProber({
    lab,
    outDir,
    classes: [classes.kubeconfig, classes.token, classes.leaf],
    lanes: defaultLanes(labTargets(lab), { set: values['per-class'] ? 'per-class' : 'per-target', everyMs: Number(values['every-ms']) }),
  });
  await sleep(Number(values.seconds) * 1000, undefined, { signal: interrupted.signal }).catch(() => undefined);
  const summary = await prober.end();
  console.log(formatSummary(summary));
  for (const failure of await readFailures(prober.rawLog, 20)) console.log(JSON.stringify(failure));
  process.exitCode = summary.failed === 0 ? 0 : 1;
});
