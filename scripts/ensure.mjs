/**
 * Makes a bare clone ready: installs the packages of the lockfile if they are missing or others, and with `--build` compiles
 * `src` to `dist` if a source has changed. Plain JavaScript without packages, because it runs before there are any.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const at = (/** @type {string[]} */ ...parts) => join(root, ...parts);

checkEngine();
ensurePackages();
if (process.argv.includes('--build')) ensureBuild();

function checkEngine() {
  const floor = String(readJson(at('package.json')).engines.node).replace('>=', '');
  const [major, minor] = floor.split('.').map(Number);
  const [haveMajor, haveMinor] = process.versions.node.split('.').map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  stop(`rotate-ca needs Node ${floor} or newer; this is ${process.versions.node} (${process.execPath}). Install a newer Node, then run the same command again.`);
}

function ensurePackages() {
  // An installed package has no lockfile: npm has put its dependencies in place.
  if (!existsSync(at('package-lock.json'))) return;
  const reason = whyInstall();
  if (reason === undefined) return;
  say(`installing packages: ${reason}`);
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' });
  if (npm.error) stop(`npm could not be started: ${npm.error.message}. Install npm, or run "npm ci" where it is.`);
  if (npm.status !== 0) stop('npm ci ended with an error (above). Without network, copy node_modules of the same lockfile here; then run the same command again.');
}

/** npm records what it installed in node_modules/.package-lock.json: compared with the lockfile, it says what is missing. */
function whyInstall() {
  const recordFile = at('node_modules', '.package-lock.json');
  if (!existsSync(recordFile)) return 'there is no node_modules';
  const wanted = readJson(at('package-lock.json')).packages;
  const installed = readJson(recordFile).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.link) continue;
    const have = installed[path];
    if (have === undefined || !existsSync(at(path))) {
      // Optional packages are those of other platforms.
      if (entry.optional || entry.devOptional || entry.peer) continue;
      return `${path} is missing`;
    }
    if (have.version !== entry.version) return `${path} is ${have.version}, the lockfile has ${entry.version}`;
  }
  return undefined;
}

function ensureBuild() {
  if (!existsSync(at('tsconfig.build.json'))) return;
  const stamp = hashOfSources();
  const stampFile = at('dist', '.stamp');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  say('compiling src to dist');
  // Into a folder of its own, then swapped: whoever runs dist meanwhile never sees half a build, and removed sources leave nothing behind.
  const fresh = at(`dist.${process.pid}`);
  const tsc = spawnSync(process.execPath, [at('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json', '--outDir', fresh, '--noEmitOnError'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (tsc.status !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    process.stderr.write(tsc.stdout + tsc.stderr);
    stop('src does not compile (above); dist is as it was. Correct it, then run the same command again.');
  }
  mkdirSync(fresh, { recursive: true });
  for (const file of sources().filter((f) => f.startsWith('src/') && !f.endsWith('.ts'))) {
    cpSync(at(file), join(fresh, relative('src', file)), { recursive: true });
  }
  writeFileSync(join(fresh, '.stamp'), stamp);
  const before = at(`dist.${process.pid}.before`);
  if (existsSync(at('dist'))) renameSync(at('dist'), before);
  renameSync(fresh, at('dist'));
  rmSync(before, { recursive: true, force: true });
}

function hashOfSources() {
  const hash = createHash('sha256');
  for (const file of sources()) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(at(file)))
      .update('\0');
  }
  return hash.digest('hex');
}

/** Files that a build depends on, relative to the root, in a fixed order. */
function sources() {
  const found = readdirSync(at('src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.test(-support)?\.ts$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
  const around = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].filter((file) => existsSync(at(file)));
  return [...found.sort(), ...around];
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** @param {string} message */
function say(message) {
  process.stderr.write(`rotate-ca: ${message}\n`);
}

/** @param {string} message @returns {never} */
function stop(message) {
  say(message);
  process.exit(1);
}
