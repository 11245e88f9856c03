/** `npm run check`: types, lint and format, dead code, layers. Each runs even if one before it failed; the last lines say which did. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bin = (/** @type {string} */ name) => join(root, 'node_modules', '.bin', name);
const folders = ['src', 'test', 'lab', 'bench', 'scripts'].filter((folder) => existsSync(join(root, folder)));

const checks = [
  { name: 'types', command: bin('tsc'), args: ['-p', 'tsconfig.json', '--noEmit'] },
  { name: 'lint and format', command: bin('biome'), args: ['check', '--error-on-warnings', '--max-diagnostics=50'] },
  { name: 'dead code', command: bin('knip'), args: ['--no-progress'] },
  { name: 'layers', command: bin('depcruise'), args: ['--config', '.dependency-cruiser.cjs', ...folders] },
];

const asked = process.argv.slice(2);
const failed = [];
for (const { name, command, args } of checks.filter((check) => asked.length === 0 || asked.includes(check.name))) {
  const started = performance.now();
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (result.status === 0) {
    process.stdout.write(`ok      ${name} (${seconds} s)\n`);
    continue;
  }
  failed.push(name);
  process.stdout.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? `${result.error.message}\n` : ''}FAILED  ${name} (${seconds} s)\n`);
}

process.stdout.write(failed.length === 0 ? 'check: all hold\n' : `check: ${failed.join(', ')} failed\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
