import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import { waitFor } from '../deadline.js';
import type { Lab } from '../lab.js';
import { runningPid, startDaemon, stopDaemon } from '../processes.js';
import { feltProgram } from './build.js';
import { apiServerUrl, getJson } from './kube-objects.js';
import { legacySecret, namespace } from './manifests.js';

const daemonName = 'felt-external';
/** As terminationGracePeriodSeconds of the pods. */
const endsWithinMs = 45_000;

export function externalCountersUrl(lab: Lab): string {
  return `http://${lab.layout.externalCounters}/counters`;
}

interface TokenSecret {
  readonly data?: Readonly<Record<string, string>>;
}

/** Copies the legacy token and its ca.crt out of the cluster, as the owner of such a program once did by hand. */
async function fetchMaterial(lab: Lab, folder: string): Promise<void> {
  await waitFor(`Secret ${legacySecret} to be filled`, { timeoutMs: 300_000 }, async () => {
    const { data } = await getJson<TokenSecret>(lab, ['-n', namespace, 'secret', legacySecret]);
    const token = data?.token;
    const ca = data?.['ca.crt'];
    if (token === undefined || ca === undefined) return 'no token yet';
    writeFileAtomically(join(folder, 'token'), Buffer.from(token, 'base64'));
    writeFileAtomically(join(folder, 'ca.crt'), Buffer.from(ca, 'base64'));
    return true;
  });
}

/** Starts the program outside of the cluster unless it runs. It reads both files once. */
export async function startExternalClient(lab: Lab): Promise<void> {
  if (runningPid(lab.paths, daemonName) !== undefined) return;
  const folder = join(lab.paths.workloads, 'external');
  mkdirSync(folder, { recursive: true });
  await fetchMaterial(lab, folder);
  startDaemon(lab.paths, {
    name: daemonName,
    program: feltProgram(lab.paths),
    args: [],
    env: {
      FELT_SERVER: await apiServerUrl(lab),
      FELT_TOKEN_FILE: join(folder, 'token'),
      FELT_CA_FILE: join(folder, 'ca.crt'),
      FELT_LISTEN: lab.layout.externalCounters,
      FELT_WORKLOAD: 'external',
      POD_NAME: 'external',
      POD_NAMESPACE: namespace,
    },
    logFile: join(folder, 'felt.log'),
  });
}

export async function stopExternalClient(lab: Lab): Promise<void> {
  await stopDaemon(lab.paths, daemonName, { graceMs: endsWithinMs });
}

/** What its owner does once the cluster publishes both CAs: fetch ca.crt anew and restart. */
export async function handOffExternalClient(lab: Lab): Promise<void> {
  await stopExternalClient(lab);
  await startExternalClient(lab);
}
