import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArtefacts } from './artefacts.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rotate-ca-artefacts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('openArtefacts', () => {
  it('keeps text under its name, with a digest that sha256sum checks', () => {
    const store = openArtefacts({ folder: join(folder, 'artefacts') });
    expect(store.list()).toEqual([]);
    expect(store.get('incoming-ca.crt')).toBeUndefined();
    store.put('incoming-ca.crt', 'PEM\n');
    store.put('incoming-ca.crt', 'PEM\n');
    store.put('report/cp1', 'ä');
    expect(store.get('incoming-ca.crt')).toBe('PEM\n');
    expect(openArtefacts({ folder: join(folder, 'artefacts') }).get('report/cp1')).toBe('ä');
    expect(store.list()).toEqual(['incoming-ca.crt', 'report%2Fcp1']);
    execFileSync('sha256sum', ['--quiet', '-c', 'incoming-ca.crt.sha256', 'report%2Fcp1.sha256'], { cwd: join(folder, 'artefacts') });
  });

  it('refuses other bytes under the same name', () => {
    const store = openArtefacts({ folder });
    store.put('a', '1');
    expect(() => store.put('a', '2')).toThrow('written before with other bytes');
    expect(store.get('a')).toBe('1');
  });

  it('refuses key material', () => {
    const store = openArtefacts({ folder });
    expect(() => store.put('a', '-----BEGIN PRIVATE KEY-----\nMIIE')).toThrow('defect: the artefact "a" holds a secret (PEM private key)');
    expect(store.list()).toEqual([]);
  });

  it('notices a file that was changed, and one without its digest', () => {
    const store = openArtefacts({ folder });
    store.put('a', '1');
    writeFileSync(join(folder, 'a'), '2');
    expect(() => store.get('a')).toThrow('changed after it was written');
    unlinkSync(join(folder, 'a.sha256'));
    expect(() => store.get('a')).toThrow('recorded is not recorded');
  });

  it('goes on after a crash between digest and file', () => {
    const store = openArtefacts({ folder });
    store.put('a', '1');
    unlinkSync(join(folder, 'a'));
    store.put('a', '2');
    expect(store.get('a')).toBe('2');
  });
});
