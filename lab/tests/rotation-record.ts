/** What a full rotation leaves for the tests that come after it on the same cluster. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../lab.js';
import { scenarioFolder } from './operator.js';

/** Credentials of before, kept by somebody who should not get in any more. All PEM. */
export interface RotationRecord {
  readonly run: string;
  readonly outgoingCaPem: string;
  readonly adminCertificatePem: string;
  readonly adminKeyPem: string;
}

function recordFile(lab: Lab): string {
  return join(scenarioFolder(lab, 'after-distrust'), 'rotation.json');
}

export function forgetRotation(lab: Lab): void {
  rmSync(recordFile(lab), { force: true });
}

export function recordRotation(lab: Lab, record: RotationRecord): void {
  mkdirSync(scenarioFolder(lab, 'after-distrust'), { recursive: true, mode: 0o700 });
  writeFileSync(recordFile(lab), JSON.stringify(record), { mode: 0o600 });
}

/** Undefined if no rotation has ended on the cluster as it stands. */
export function lastRotation(lab: Lab): RotationRecord | undefined {
  return existsSync(recordFile(lab)) ? (JSON.parse(readFileSync(recordFile(lab), 'utf8')) as RotationRecord) : undefined;
}
