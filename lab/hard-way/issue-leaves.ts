import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import type { Lab } from '../lab.js';
import { dataOf, vaultAdmin } from '../vault/admin.js';
import { hardWayFolders } from './folders.js';
import { type Leaf, leavesOf } from './leaves.js';
import { leafLifetime } from './roles.js';
import { hardWayMount } from './vault-setup.js';

/** A pair as it was issued, and the root that it is of. Kept in one file: half a pair is of no use. */
export interface IssuedLeaf {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

function fileOf(lab: Lab, name: string): string {
  return join(hardWayFolders(lab.paths).leaves, `${name}.json`);
}

export function issuedLeaf(lab: Lab, name: string): IssuedLeaf {
  return JSON.parse(readFileSync(fileOf(lab, name), 'utf8')) as IssuedLeaf;
}

async function issue(lab: Lab, leaf: Leaf): Promise<void> {
  const answer = await vaultAdmin(lab.paths).write(`${hardWayMount}/issue/${leaf.role}`, {
    common_name: leaf.commonName,
    alt_names: (leaf.dnsNames ?? []).join(','),
    ip_sans: (leaf.addresses ?? []).join(','),
    exclude_cn_from_sans: true,
    ttl: leafLifetime,
  });
  const data = dataOf(answer) as { certificate: string; private_key: string; issuing_ca: string };
  const issued: IssuedLeaf = { certificate: `${data.certificate}\n`, key: `${data.private_key}\n`, authority: `${data.issuing_ca}\n` };
  writeFileAtomically(fileOf(lab, leaf.name), `${JSON.stringify(issued, undefined, 1)}\n`);
}

/** Has Vault issue every leaf that is not there yet. */
export async function issueLeaves(lab: Lab): Promise<boolean> {
  mkdirSync(hardWayFolders(lab.paths).leaves, { recursive: true, mode: 0o700 });
  const missing = leavesOf(lab).filter(({ name }) => !existsSync(fileOf(lab, name)));
  await Promise.all(missing.map((leaf) => issue(lab, leaf)));
  return missing.length > 0;
}
