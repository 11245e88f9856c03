/** Name and version of the tool, as plans and journals carry it. */

import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

export const toolVersion = `rotate-ca ${manifest.version}`;
