/** Holds documentation and code against each other: codes, exit codes, links, commands and flags, steps and kinds. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { catalogue, exitCodes } from '../src/domain/errors.js';
import { readPlaybook } from '../src/domain/plan/playbook.js';
import { stepKinds } from '../src/steps/index.js';
import { runCli } from './support/cli.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const codes = Object.keys(catalogue);

const pages = ['README.md', 'CHANGELOG.md', ...pagesIn('docs'), ...pagesIn('lab'), ...pagesIn('playbooks')];

function pagesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md') && !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function sourcesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.test)(?<!\.test-support)\.ts$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

describe('codes of errors', () => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `([a-z-]+)` \| ([^|]*) \|/gm)];

  it('docs/errors.md lists the catalogue, each once, and nothing else', () => {
    expect(rows.map(([, code]) => code).toSorted()).toEqual(codes.toSorted());
  });

  it('docs/errors.md says what the catalogue says', () => {
    expect(Object.fromEntries(rows.map(([, code = '', meaning = '']) => [code, meaning.trim()]))).toEqual(catalogue);
  });

  it('each code is raised somewhere in src', () => {
    const text = sourcesIn('src')
      .filter((file) => file !== 'src/domain/errors.ts')
      .map(read)
      .join('\n');
    expect(codes.filter((code) => !new RegExp(`'${code}'`).test(text))).toEqual([]);
  });

  it('what the other pages put in backquotes like a code is one', () => {
    const known = new Set([...codes, ...stepKinds.keys(), ...stepsOfPlaybook()]);
    const recovery = [...read('docs/recovery.md').matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, word = '']) => word);
    expect(recovery.filter((word) => !known.has(word))).toEqual([]);
  });
});

describe('exit codes', () => {
  it('docs/exit-codes.md is the table of the code', () => {
    const rows = [...read('docs/exit-codes.md').matchAll(/^\| (\d+) \| `(\w+)` \|/gm)].map(([, code, name]) => [name, Number(code)]);
    expect(Object.fromEntries(rows)).toEqual(exitCodes);
  });
});

describe('links', () => {
  it.each(pages)('%s leads to what is there', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link).filter((link) => !/^[a-z]+:/.test(link));
    expect(links.filter((link) => !leadsSomewhere(page, link))).toEqual([]);
  });

  function leadsSomewhere(page: string, link: string): boolean {
    const [path = '', anchor] = link.split('#');
    const file = path === '' ? join(root, page) : resolve(root, dirname(page), path);
    if (!existsSync(file)) return false;
    return anchor === undefined || anchorsOf(readFileSync(file, 'utf8')).includes(anchor);
  }

  /** As GitHub makes them from headings. */
  function anchorsOf(text: string): string[] {
    return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    );
  }
});

describe('commands', () => {
  const help = new Map<string, string>();

  beforeAll(async () => {
    const { stdout } = await runCli(['--help']);
    help.set('', stdout);
    const names = [...stdout.matchAll(/^ {2}([a-z-]+) (?:\[|<)/gm)].map(([, name = '']) => name);
    const texts = await Promise.all(names.map((name) => runCli([name, '--help'])));
    for (const [i, name] of names.entries()) help.set(name, texts[i]?.stdout ?? '');
  }, 120_000);

  /** `rotate-ca COMMAND --flag ...` in code, however it is written down. */
  function usesIn(page: string): { command: string; flags: string[] }[] {
    return [...read(page).matchAll(/rotate-ca ((?:[a-z]+(?=[\s`".]|$))?)([^`\n"]*)/gm)]
      .filter(([whole, command]) => command !== '' && whole.length > 0 && help.has(command ?? ''))
      .map(([, command = '', rest = '']) => ({ command, flags: [...rest.replace(/ #.*$/, '').matchAll(/(?<=\s)(--?[a-zA-Z][a-z-]*)/g)].map(([flag]) => flag) }));
  }

  it('every command that the README explains is there, and the other way round', () => {
    const named = new Set([...read('README.md').matchAll(/^rotate-ca ([a-z-]+)|`rotate-ca ([a-z-]+)/gm)].map(([, a, b]) => a ?? b ?? ''));
    expect([...named].filter((name) => !help.has(name))).toEqual([]);
    expect(usesIn('README.md').length).toBeGreaterThan(8);
  });

  it('the error codes, procedure and recovery name no command that is not there', () => {
    const named = pages.flatMap((page) => [...read(page).matchAll(/`rotate-ca ([a-z-]+)/g)].map(([, name = '']) => ({ page, name })));
    expect(named.filter(({ name }) => !help.has(name) && name !== 'help')).toEqual([]);
  });

  it('nor does a hint in the code', () => {
    const named = sourcesIn('src').flatMap((file) => [...read(file).matchAll(/"rotate-ca ([a-z-]+)/g)].map(([, name = '']) => ({ file, name })));
    expect(named.filter(({ name }) => !help.has(name) && name !== 'help')).toEqual([]);
  });

  it('every flag that a page gives to a command is one of it', () => {
    const unknown = pages.flatMap((page) =>
      usesIn(page).flatMap(({ command, flags }) =>
        flags.filter((flag) => !new RegExp(`(?:^|\\s)${flag}[\\s,]`, 'm').test(`${help.get(command)}\n${help.get('')}`)).map((flag) => `${page}: ${command} ${flag}`),
      ),
    );
    expect(unknown).toEqual([]);
  });

  it('the exit codes at the end of --help are those of the code', () => {
    const [, text = ''] = /Exit codes: ([\s\S]*?)\.\n/.exec(help.get('') ?? '') ?? [];
    const numbers = [...text.matchAll(/(\d+) /g)].map(([, n]) => Number(n));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Object.values(exitCodes).toSorted((a, b) => a - b));
  });
});

describe('the playbook', () => {
  it('docs/procedure.md explains every step of cluster-ca.yaml, and no other', () => {
    const explained = [...read('docs/procedure.md').matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([a-z-]+)`/g)].map(([, name = '']) => name));
    const steps = new Set(explained.filter((name) => !stepKinds.has(name) || stepsOfPlaybook().includes(name)));
    expect([...steps].toSorted()).toEqual(stepsOfPlaybook().toSorted());
  });

  it('playbooks/README.md lists every kind, and no other', () => {
    const table = read('playbooks/README.md').split('## Kinds')[1]?.split('\n## ')[0] ?? '';
    const listed = [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
    expect(listed.toSorted()).toEqual([...stepKinds.keys()].toSorted());
  });
});

describe('Vault', () => {
  it('docs/vault.md shows the policy that the lab uses', () => {
    expect(read('docs/vault.md')).toContain(read('lab/vault/policy.hcl').trim());
  });
});

function stepsOfPlaybook(): string[] {
  const file = join(root, 'playbooks/cluster-ca.yaml');
  return readPlaybook(readFileSync(file, 'utf8'), file, stepKinds).steps.map(({ name }) => name);
}
