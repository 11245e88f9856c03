/**
 * `node scripts/test-on-node.mjs [MAJOR] [arguments of vitest]`: unit and cross tests under another Node, 22 unless told.
 * The npm package "node" brings it, into a temporary folder that goes afterwards; packages and build are those of this checkout.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [first, ...rest] = process.argv.slice(2);
const isMajor = /^\d+(\.\d+){0,2}$/.test(first ?? '');
const version = isMajor && first !== undefined ? first : '22';
const forVitest = isMajor || first === undefined ? rest : [first, ...rest];

process.exitCode = main();

function main() {
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-node-'));
  try {
    process.stderr.write(`rotate-ca: getting Node ${version} from the npm registry\n`);
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    // Its install script puts the binary of this platform in place.
    const npm = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', `node@${version}`], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    const bin = join(folder, 'node_modules', '.bin');
    const node = join(bin, 'node');
    const found = spawnSync(node, ['--version'], { encoding: 'utf8' });
    if (npm.status !== 0 || found.status !== 0) {
      process.stderr.write(
        `rotate-ca: Node ${version} could not be got. Check that the npm registry can be reached ("npm view node@${version} version"), then run the same command again.\n`,
      );
      return 1;
    }
    process.stderr.write(`rotate-ca: testing on Node ${found.stdout.trim()}\n`);
    // First in PATH, so that what tests start as "node" is the same.
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
    const built = spawnSync(node, [join(root, 'scripts', 'ensure.mjs'), '--build'], { cwd: root, stdio: 'inherit', env });
    if (built.status !== 0) return 1;
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    return spawnSync(node, [vitest, 'run', '--project', 'unit', '--project', 'cross', ...forVitest], { cwd: root, stdio: 'inherit', env }).status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
