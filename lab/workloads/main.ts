import { parseArgs } from 'node:util';
import { labPaths, openLab } from '../lab.js';
import { layoutOf } from '../layout.js';
import { buildWorkloads } from './build.js';
import { readCounters } from './counters.js';
import { deployWorkloads } from './deploy.js';
import { handOffExternalClient } from './external-client.js';
import { activityNames } from './felt-record.js';
import { judgeFelt } from './felt-verdict.js';
import { createTokenSecrets } from './token-secrets.js';

const usage = 'usage: node --import tsx lab/workloads/main.ts build | deploy | tokens | counters | hand-off [--token-secrets N] [--layout kubeadm|hard-way]';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { 'token-secrets': { type: 'string', default: '30' }, layout: { type: 'string', default: 'kubeadm' } },
});
const lab = openLab({ paths: labPaths(layoutOf(values.layout)) });
const report = (line: string): void => console.log(line);
const tokenSecrets = Number(values['token-secrets']);

switch (positionals[0]) {
  case 'build':
    for (const { reference, archive } of await buildWorkloads(lab, report)) report(`${reference}  ${archive}`);
    break;
  case 'deploy':
    await deployWorkloads(lab, { tokenSecrets: { count: tokenSecrets }, report });
    break;
  case 'tokens':
    await createTokenSecrets(lab, { count: tokenSecrets });
    break;
  case 'hand-off':
    await handOffExternalClient(lab);
    break;
  case 'counters': {
    const records = await readCounters(lab);
    for (const { name, language, node, endedBy, caSha256, activities } of records) {
      const counts = activityNames.map((activity) => `${activity} ${activities[activity].ok}/${activities[activity].failed} failed`);
      report(`${name} (${language} on ${node || 'host'}, ca ${caSha256.slice(0, 8)}${endedBy === '' ? '' : `, ended by ${endedBy}`}): ${counts.join(', ')}`);
    }
    report(JSON.stringify(judgeFelt(records, Date.now()), undefined, 1));
    break;
  }
  default:
    console.error(usage);
    process.exitCode = 2;
}
