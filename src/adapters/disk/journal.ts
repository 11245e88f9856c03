/** The journal of a run as JSON lines on disk: a fact is durable before anybody is told of it. */

import { closeSync, constants, existsSync, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fail } from '../../domain/errors.js';
import { findSecretIn } from '../../domain/redact.js';
import type { Fact } from '../../domain/run/facts.js';
import type { Journal, JournalLine } from '../../ports/journal.js';
import { diskReasons, errorCode, makePrivateFolder, syncFolder, writeAll, writeNewFile } from './durable-file.js';
import { encodeLine, parseJournal, sha256 } from './journal-lines.js';

export interface OpenedJournal {
  readonly journal: Journal;
  /** A sentence on the line that was cut off, for the operator. */
  readonly tornTail?: string;
}

/**
 * Opens a journal for writing, or begins one (mode 0600). The caller holds the lock of the run.
 * A torn last line is cut off and kept in FILE.torn-SEQ. Throws RotationError journal-broken, journal-unwritable.
 */
export function openJournal(options: { readonly file: string; readonly now: () => number }): OpenedJournal {
  const { file, now } = options;
  const fd = onDisk(file, () => openForAppend(file));
  try {
    const bytes = readFileSync(file);
    const parsed = parseJournal(bytes, file);
    const tornTail = parsed.validBytes === bytes.length ? undefined : onDisk(file, () => cutTail(fd, file, bytes, parsed.validBytes, parsed.lines.length + 1));
    const journal = writer({ file, fd, now, lines: [...parsed.lines], last: parsed.last, size: parsed.validBytes });
    return tornTail === undefined ? { journal } : { journal, tornTail };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Reads a journal and leaves it as it is: for those who only look, while another process may be writing. Throws RotationError run-unknown, journal-broken. */
export function readJournal(file: string): readonly JournalLine[] {
  if (!existsSync(file)) {
    return fail('run-unknown', {
      target: file,
      summary: 'There is no journal',
      cause: 'the file does not exist',
      nextAction: 'Run "rotate-ca status" for the runs that there are',
    });
  }
  return parseJournal(readFileSync(file), file).lines;
}

function openForAppend(file: string): number {
  makePrivateFolder(dirname(file));
  const isNew = !existsSync(file);
  const fd = openSync(file, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, 0o600);
  if (isNew) syncFolder(dirname(file));
  return fd;
}

// The cut bytes are kept: they are the only trace of what was about to be written.
function cutTail(fd: number, file: string, bytes: Buffer, validBytes: number, seq: number): string {
  const tail = bytes.subarray(validBytes);
  let kept = `${file}.torn-${seq}`;
  for (let n = 2; !writeNewFile(kept, tail); n++) kept = `${file}.torn-${seq}-${n}`;
  ftruncateSync(fd, validBytes);
  fsyncSync(fd);
  return `The last line of "${file}" (line ${seq}, ${tail.length} bytes) was incomplete; it is cut off and kept in "${kept}".`;
}

interface State {
  readonly file: string;
  readonly fd: number;
  readonly now: () => number;
  readonly lines: JournalLine[];
  last: string;
  size: number;
}

function writer(state: State): Journal {
  const listeners: ((line: JournalLine) => void)[] = [];
  const untold: JournalLine[] = [];
  let telling = false;
  let closed = false;
  let unsure = '';

  function append(fact: Fact): JournalLine {
    if (closed) throw new Error('the journal is closed');
    if (unsure !== '') return refuse(state.file, unsure);
    refuseSecrets(fact);
    const line: JournalLine = { seq: state.lines.length + 1, at: new Date(state.now()).toISOString(), fact };
    const bytes = encodeLine(line, state.last);
    write(bytes);
    state.lines.push(line);
    state.last = sha256(bytes.subarray(0, -1));
    state.size += bytes.length;
    tell(line);
    return line;
  }

  function write(bytes: Buffer): void {
    try {
      const found = fstatSync(state.fd);
      if (found.nlink === 0) unsure = 'the file was removed while the run was going on';
      else if (found.size !== state.size) unsure = 'another process wrote to it';
      if (unsure === '') {
        writeAll(state.fd, bytes);
        fdatasyncSync(state.fd);
      }
    } catch (error) {
      takeBack(error);
    }
    if (unsure !== '') refuse(state.file, unsure);
  }

  // What was partly written goes, so that the file stays valid and the same fact may be tried again when there is room.
  // After a failed sync nobody knows what the disk holds: only opening it anew tells.
  function takeBack(error: unknown): never {
    const code = errorCode(error);
    if (code === '') throw error;
    const cause = `${code}: ${diskReasons[code] ?? 'the file system refused'}`;
    try {
      ftruncateSync(state.fd, state.size);
      fdatasyncSync(state.fd);
      if (code === 'EIO') unsure = cause;
    } catch {
      unsure = cause;
    }
    return refuse(state.file, cause);
  }

  // A listener may append: its line is told after this one has been told to all.
  function tell(line: JournalLine): void {
    untold.push(line);
    if (telling) return;
    telling = true;
    try {
      for (let next = untold.shift(); next !== undefined; next = untold.shift()) for (const listener of listeners) listener(next);
    } finally {
      telling = false;
      untold.length = 0;
    }
  }

  return {
    append,
    lines: () => state.lines,
    onAppend: (listener) => void listeners.push(listener),
    close() {
      if (closed) return;
      closed = true;
      closeSync(state.fd);
    },
  };
}

// A defect of the caller, not a failure of the run: whoever makes a fact leaves secrets out of it.
function refuseSecrets(fact: Fact): void {
  const found = findSecretIn(fact);
  if (found !== undefined) throw new Error(`defect: a fact "${fact.type}" holds a secret (${found.kind}) at ${found.pointer}; it was not written`);
}

function onDisk<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = errorCode(error);
    if (code === '') throw error;
    return refuse(file, `${code}: ${diskReasons[code] ?? 'the file system refused'}`);
  }
}

function refuse(file: string, cause: string): never {
  return fail('journal-unwritable', {
    target: file,
    summary: 'A line of the journal could not be made durable, so nothing more is done',
    cause,
    nextAction: `Make "${dirname(file)}" writable and see that there is room, then run "rotate-ca resume"`,
  });
}
