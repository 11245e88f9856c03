/** The import table of docs/architecture.md, read from the import lines themselves; length of files; forbidden names. */

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Layer {
  readonly may: readonly string[];
  readonly libraries: readonly string[];
  /** Folders below those that it may import that it may not. */
  readonly not?: readonly string[];
  /** Its folders do not import each other. */
  readonly apart?: boolean;
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const layers = JSON.parse(readFileSync(join(root, 'scripts/layers.json'), 'utf8')) as Record<string, Layer>;
const longestFile = 300;
const forbiddenNames = /^(utils?|helpers?|common|manager|types)(\.|$)/;

const files = ['src', 'lab', 'bench', 'test', 'scripts'].flatMap(sourcesIn);
const production = files.filter((file) => file.startsWith('src/') && !/\.test(-support)?\.ts$|\/support\//.test(file));

describe('architecture', () => {
  it('has a layer for every folder of src', () => {
    const folders = new Set(production.map((file) => file.split('/')[1]).filter((name) => name?.endsWith('.ts') === false));
    expect([...folders].filter((folder) => !(folder! in layers))).toEqual([]);
  });

  it('keeps the import table', () => {
    expect(production.flatMap(brokenImports)).toEqual([]);
  });

  it(`has no file of more than ${longestFile} lines`, () => {
    const long = files.map((file) => ({ file, lines: read(file).trimEnd().split('\n').length })).filter(({ lines }) => lines > longestFile);
    expect(long).toEqual([]);
  });

  it('has no file or folder named after nothing', () => {
    expect(files.filter((file) => file.split('/').some((part) => forbiddenNames.test(part)))).toEqual([]);
  });

  it('has no default export but that of the test configuration', () => {
    expect(files.filter((file) => /^export default /m.test(read(file)))).toEqual([]);
  });

  it('mocks no modules', () => {
    expect(files.filter((file) => file !== 'test/architecture.test.ts' && /\bvi\.mock\(/.test(read(file)))).toEqual([]);
  });
});

function brokenImports(file: string): string[] {
  const [, folder = '', own = ''] = file.split('/');
  const layer = layers[folder];
  if (layer === undefined) return [];
  return importsOf(file).flatMap(({ line, specifier }) => {
    const where = `${file}:${line} imports ${specifier}:`;
    if (!specifier.startsWith('.')) {
      return layer.libraries.some((name) => allows(name, specifier)) ? [] : [`${where} src/${folder} may use only ${layer.libraries.join(', ')}`];
    }
    const to = relative(root, join(root, dirname(file), specifier)).split('/');
    if (to[0] !== 'src') return [`${where} src imports nothing outside of src`];
    if (!layer.may.includes(to[1] ?? '')) return [`${where} src/${folder} may import only ${layer.may.join(', ')}`];
    const barred = layer.not?.find((folder) => to.join('/').startsWith(`${folder}/`));
    if (barred !== undefined) return [`${where} src/${folder} may not import ${barred}`];
    const registry = basename(file) === 'index.ts' && file.split('/').length === 3;
    if (layer.apart && !registry && to[1] === folder && to[2] !== own) return [`${where} the folders of src/${folder} stay apart`];
    return [];
  });
}

function allows(name: string, specifier: string): boolean {
  if (name === 'node:*') return specifier.startsWith('node:');
  return specifier === name || specifier.startsWith(`${name}/`);
}

function importsOf(file: string): { line: number; specifier: string }[] {
  const text = read(file);
  const found = [...text.matchAll(/(?:^(?:import|export)\b[^;'"]*?\bfrom\s+|^import\s+|\bimport\()['"]([^'"]+)['"]/gm)];
  return found.map((match) => ({ line: text.slice(0, match.index).split('\n').length, specifier: match[1]! }));
}

function sourcesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
