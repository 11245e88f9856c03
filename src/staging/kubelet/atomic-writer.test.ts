import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyVolume, type Payload, writeVolume } from './atomic-writer.js';

const at = Date.UTC(2026, 10, 29, 0, 23, 30);
const payload = (files: Readonly<Record<string, string>>, mode = 0o644): Payload =>
  new Map(Object.entries(files).map(([path, text]) => [path, { bytes: Buffer.from(text), mode }]));

describe('a volume of a pod', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'volume-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const text = (path: string): string => readFileSync(join(folder, path), 'utf8');

  it('is links into a folder that is named after the time', () => {
    expect(writeVolume(folder, payload({ 'ca.crt': 'one', token: 't' }), at)).toBe(true);
    const stamp = readlinkSync(join(folder, '..data'));
    expect(stamp).toMatch(/^\.\.2026_11_29_00_23_30\.\w+$/);
    expect(readdirSync(folder).sort()).toEqual(['..data', 'ca.crt', 'token', stamp].sort());
    expect(readlinkSync(join(folder, 'ca.crt'))).toBe('..data/ca.crt');
    expect([text('ca.crt'), text('token')]).toEqual(['one', 't']);
    expect([statSync(join(folder, stamp)).mode & 0o777, statSync(join(folder, 'token')).mode & 0o777]).toEqual([0o755, 0o644]);
  });

  it.each<[string, Readonly<Record<string, string>>, boolean]>([
    ['the same', { 'ca.crt': 'one', 'sub/file': 'x' }, false],
    ['another content', { 'ca.crt': 'two', 'sub/file': 'x' }, true],
    ['one file more', { 'ca.crt': 'one', 'sub/file': 'x', token: 't' }, true],
    ['one file less', { 'ca.crt': 'one' }, true],
  ])('is replaced as a whole or not at all: %s', (_, files, isWritten) => {
    writeVolume(folder, payload({ 'ca.crt': 'one', 'sub/file': 'x' }), at);
    const before = readlinkSync(join(folder, '..data'));
    expect(writeVolume(folder, payload(files), at + 60_000)).toBe(isWritten);
    const stamp = readlinkSync(join(folder, '..data'));
    expect(stamp === before).toBe(!isWritten);
    expect(readdirSync(folder).sort()).toEqual(['..data', stamp, ...new Set(Object.keys(files).map((path) => path.split('/')[0] ?? ''))].sort());
    expect(Object.fromEntries(Object.keys(files).map((path) => [path, text(path)]))).toEqual(files);
  });

  it('writes anew what somebody has taken away or changed', () => {
    writeVolume(folder, payload({ 'ca.crt': 'one' }), at);
    rmSync(join(folder, readlinkSync(join(folder, '..data')), 'ca.crt'));
    expect(writeVolume(folder, payload({ 'ca.crt': 'one' }), at)).toBe(true);
    expect(text('ca.crt')).toBe('one');
  });

  it('holds nothing after the power has gone, and is written anew', () => {
    writeVolume(folder, payload({ 'ca.crt': 'one' }), at);
    emptyVolume(folder);
    expect(readdirSync(folder)).toEqual([]);
    expect(writeVolume(folder, payload({ 'ca.crt': 'one' }), at)).toBe(true);
  });
});
