/** SFTP over a node's files: enough for Debian's sftp and scp to get, put and list. Version 3 without extensions, as ssh2 offers it. */

import {
  closeSync,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type Stats,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  chmodSync,
  constants,
  existsSync,
  ftruncateSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join, normalize } from 'node:path';
import ssh2, { type SFTPWrapper } from 'ssh2';
import { stripText } from '../node/node-paths.js';
import type { SessionAbout } from './session-about.js';

const { STATUS_CODE: status, OPEN_MODE } = ssh2.utils.sftp;

type Handle = { readonly file: number } | { readonly folder: string; isRead: boolean };

export function serveSftp(sftp: SFTPWrapper, { node, user, fileFault }: SessionAbout): void {
  const handles = new Map<number, Handle>();
  let next = 0;
  const homes: Readonly<Record<string, string>> = { root: '/root' };
  const home = homes[user] ?? `/home/${user}`;
  const absolute = (path: string): string => normalize(path.startsWith('/') ? path : `${home}/${path}`);
  const here = (path: string): string => join(node.root, absolute(path));

  /** Runs what answers a request; an error of the file system becomes the status that sftp-server gives. */
  function answer(id: number, act: () => void): void {
    try {
      act();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      const known = code === 'ENOENT' || code === 'ENOTDIR' ? status.NO_SUCH_FILE : code === 'EACCES' || code === 'EPERM' ? status.PERMISSION_DENIED : status.FAILURE;
      sftp.status(id, known);
    }
  }
  const done = (id: number, act: () => void): void =>
    answer(id, () => {
      act();
      sftp.status(id, status.OK);
    });

  function open(handle: Handle): Buffer {
    const number = next++;
    handles.set(number, handle);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(number);
    return bytes;
  }

  function handleOf(bytes: Buffer): Handle {
    const handle = bytes.length === 4 ? handles.get(bytes.readUInt32BE()) : undefined;
    if (handle === undefined) throw new Error('no such handle');
    return handle;
  }

  function fileOf(bytes: Buffer): number {
    const handle = handleOf(bytes);
    if (!('file' in handle)) throw new Error('a folder');
    return handle.file;
  }

  /** The user's own rights: what belongs to root is his only by the bits for others. */
  function allow(path: string, want: 'read' | 'write'): void {
    const at = absolute(path);
    if (want === 'write' && fileFault() === 'read-only') throw new Error('read-only');
    if (user === 'root' || at.startsWith(`${home}/`) || at === home || at.startsWith('/tmp/')) return;
    for (let folder = at; folder !== '/'; ) {
      folder = normalize(join(folder, '..'));
      if (existsSync(here(folder)) && (statSync(here(folder)).mode & 0o001) === 0) throw denied();
    }
    if (want === 'write' || (existsSync(here(at)) && (statSync(here(at)).mode & 0o004) === 0)) throw denied();
  }

  function change(id: number, paths: readonly string[], act: () => void): void {
    done(id, () => {
      for (const path of paths) allow(path, 'write');
      act();
    });
  }

  sftp.on('OPEN', (id, path, flags) =>
    answer(id, () => {
      allow(path, (flags & OPEN_MODE.WRITE) === 0 ? 'read' : 'write');
      if (existsSync(here(path)) && statSync(here(path)).isDirectory()) throw new Error('a folder');
      sftp.handle(id, open({ file: openSync(here(path), openFlags(flags), 0o644) }));
    }),
  );
  sftp.on('READ', (id, handle, offset, length) =>
    answer(id, () => {
      const bytes = Buffer.alloc(Math.min(length, 256 * 1024));
      const count = readSync(fileOf(handle), bytes, 0, bytes.length, offset);
      if (count === 0) sftp.status(id, status.EOF);
      else sftp.data(id, bytes.subarray(0, count));
    }),
  );
  sftp.on('WRITE', (id, handle, offset, data) =>
    done(id, () => {
      if (fileFault() !== undefined) throw new Error('no space, or read-only');
      writeSync(fileOf(handle), data, 0, data.length, offset);
    }),
  );
  sftp.on('CLOSE', (id, handle) =>
    done(id, () => {
      const closed = handleOf(handle);
      handles.delete(handle.readUInt32BE());
      if ('file' in closed) closeSync(closed.file);
    }),
  );
  sftp.on('FSTAT', (id, handle) => answer(id, () => sftp.attrs(id, attributes(fstatSync(fileOf(handle))))));
  sftp.on('STAT', (id, path) => answer(id, () => sftp.attrs(id, attributes(statSync(here(path))))));
  sftp.on('LSTAT', (id, path) => answer(id, () => sftp.attrs(id, attributes(lstatSync(here(path))))));
  sftp.on('SETSTAT', (id, path, wanted) =>
    change(id, [path], () => {
      if (wanted.size !== undefined) truncateSync(here(path), wanted.size);
      if (wanted.mode !== undefined) chmodSync(here(path), wanted.mode & 0o7777);
      if (wanted.mtime !== undefined) utimesSync(here(path), wanted.atime ?? wanted.mtime, wanted.mtime);
    }),
  );
  sftp.on('FSETSTAT', (id, handle, wanted) =>
    done(id, () => {
      if (wanted.size !== undefined) ftruncateSync(fileOf(handle), wanted.size);
      if (wanted.mode !== undefined) fchmodSync(fileOf(handle), wanted.mode & 0o7777);
    }),
  );
  sftp.on('OPENDIR', (id, path) =>
    answer(id, () => {
      allow(path, 'read');
      if (!statSync(here(path)).isDirectory()) throw new Error('no folder');
      sftp.handle(id, open({ folder: here(path), isRead: false }));
    }),
  );
  sftp.on('READDIR', (id, handle) =>
    answer(id, () => {
      const folder = handleOf(handle);
      if (!('folder' in folder)) throw new Error('no folder');
      if (folder.isRead) return sftp.status(id, status.EOF);
      folder.isRead = true;
      const names = ['.', '..', ...readdirSync(folder.folder)];
      sftp.name(
        id,
        names.map((filename) => {
          const stat = lstatSync(join(folder.folder, filename));
          return { filename, longname: longName(filename, stat), attrs: attributes(stat) };
        }),
      );
    }),
  );
  sftp.on('REALPATH', (id, path) =>
    answer(id, () => {
      const real = existsSync(here(path)) ? stripText(realpathSync(here(path)), node.root) : absolute(path);
      const filename = real === '' ? '/' : real;
      sftp.name(id, [{ filename, longname: filename, attrs: attributes(undefined) }]);
    }),
  );
  sftp.on('READLINK', (id, path) =>
    answer(id, () => {
      const filename = stripText(readlinkSync(here(path)), node.root);
      sftp.name(id, [{ filename, longname: filename, attrs: attributes(undefined) }]);
    }),
  );
  sftp.on('REMOVE', (id, path) => change(id, [path], () => unlinkSync(here(path))));
  sftp.on('MKDIR', (id, path, wanted) => change(id, [path], () => void mkdirSync(here(path), { mode: (wanted.mode ?? 0o755) & 0o7777 })));
  sftp.on('RMDIR', (id, path) => change(id, [path], () => rmdirSync(here(path))));
  sftp.on('RENAME', (id, from, to) =>
    change(id, [from, to], () => {
      // As sftp-server: a rename of protocol version 3 replaces nothing.
      if (existsSync(here(to))) throw new Error('there is something');
      renameSync(here(from), here(to));
    }),
  );
  // sftp and OpenSSH's server have the two paths the wrong way round; ssh2 puts them right.
  sftp.on('SYMLINK', (id, target, link) => change(id, [link], () => symlinkSync(target.startsWith('/') ? here(target) : target, here(link))));
  const closeAll = (): void => {
    for (const handle of handles.values()) if ('file' in handle) closeSync(handle.file);
    handles.clear();
  };
  // As sftp-server, which ends with its input: sftp and scp wait for that.
  sftp.on('end', () => {
    closeAll();
    sayExited(sftp);
    sftp.end();
  });
  sftp.on('close', closeAll);
  sftp.on('error', () => undefined);
}

// Bit by bit: scp opens with WRITE and CREAT alone, which is none of the modes of fopen.
function openFlags(flags: number): number {
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const access = has(OPEN_MODE.WRITE) ? (has(OPEN_MODE.READ) ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
  return (
    access |
    (has(OPEN_MODE.APPEND) ? constants.O_APPEND : 0) |
    (has(OPEN_MODE.CREAT) ? constants.O_CREAT : 0) |
    (has(OPEN_MODE.TRUNC) ? constants.O_TRUNC : 0) |
    (has(OPEN_MODE.EXCL) ? constants.O_EXCL : 0)
  );
}

// scp takes a server that says no exit status for one that failed, and ssh2's SFTP has no way to say it.
function sayExited(sftp: SFTPWrapper): void {
  const { _protocol: protocol, outgoing } = sftp as unknown as { _protocol: { exitStatus(channel: number, code: number): void }; outgoing: { id: number } };
  protocol.exitStatus(outgoing.id, 0);
}

function denied(): Error {
  return Object.assign(new Error('denied'), { code: 'EACCES' });
}

// The node's files are root's, whoever runs staging.
function attributes(stat: Stats | undefined): { mode: number; uid: number; gid: number; size: number; atime: number; mtime: number } {
  const root = stat === undefined || stat.uid === process.getuid?.();
  return {
    mode: stat?.mode ?? 0,
    uid: root ? 0 : (stat?.uid ?? 0),
    gid: root ? 0 : (stat?.gid ?? 0),
    size: stat?.size ?? 0,
    atime: Math.floor((stat?.atimeMs ?? 0) / 1000),
    mtime: Math.floor((stat?.mtimeMs ?? 0) / 1000),
  };
}

function longName(name: string, stat: Stats): string {
  const kind = stat.isDirectory() ? 'd' : stat.isSymbolicLink() ? 'l' : '-';
  const bits = [...(stat.mode & 0o777).toString(2).padStart(9, '0')].map((bit, index) => (bit === '1' ? ('rwx'[index % 3] ?? '-') : '-')).join('');
  const when = stat.mtime.toUTCString();
  return `${kind}${bits} ${String(stat.nlink).padStart(4)} root     root     ${String(stat.size).padStart(8)} ${when.slice(8, 11)} ${when.slice(5, 7)} ${when.slice(17, 22)} ${name}`;
}
