import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type HostedScript, hostedShell, type ScriptListener } from './hosted-shell.js';
import { type Bench, makeNodeBench } from './node.test-support.js';
import { frameReader, inputWindow, writeFrame } from './script-messages.js';

interface Heard {
  readonly script: HostedScript;
  readonly stdout: () => string;
  readonly calls: () => string;
}

const shell = hostedShell();
afterAll(() => shell.release());

function run(line: string, cwd = '/'): Heard {
  const heard = { stdout: [] as Buffer[], stderr: [] as Buffer[], calls: [] as Buffer[] };
  const listener: ScriptListener = { output: (stream, chunk) => void heard[stream].push(chunk), calls: (chunk) => void heard.calls.push(chunk) };
  const script = shell.start({ args: ['-c', line], cwd, env: { PATH: process.env.PATH ?? '' } }, listener);
  return { script, stdout: () => Buffer.concat(heard.stdout).toString(), calls: () => Buffer.concat(heard.calls).toString() };
}

/** Resolves when the script has said something. */
async function said(heard: Heard, words: string): Promise<void> {
  await expect.poll(heard.stdout).toContain(words);
}

function isThere(pid: string): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a script that is started by the host', () => {
  it.each([
    ['its exit code', 'exit 7', { code: 7, signal: null }],
    ['the signal that ended it', 'kill -TERM $$', { code: null, signal: 'SIGTERM' }],
  ])('%s', async (_, line, end) => {
    const { script } = run(line);
    script.stdin.end();
    expect(await script.ended).toEqual(end);
  });

  it('has a session of its own, the lowest priority, and no descriptors but 0, 1, 2 and 8', async () => {
    const heard = run('echo $$; read go; cut -d" " -f5,6,19 /proc/$$/stat; ls /proc/$$/fd; echo call >&8');
    await said(heard, '\n');
    heard.script.stdin.end('go\n');
    await heard.script.ended;
    const [pid = '', stat, ...descriptors] = heard.stdout().trim().split('\n');
    expect(stat).toBe(`${pid} ${pid} 19`);
    // Far above them there may be what the tests themselves were started with.
    expect(descriptors.filter((number) => Number(number) < 32)).toEqual(['0', '1', '2', '8']);
    expect(heard.calls()).toBe('call\n');
    expect(heard.script.group).toBe(Number(pid));
  });

  it('gets all of its input and gives all of its output, however much', async () => {
    const heard = run('cat');
    const text = 'content '.repeat(inputWindow);
    for (let at = 0; at < text.length; at += 100_001) heard.script.stdin.write(text.slice(at, at + 100_001));
    heard.script.stdin.end();
    expect(await heard.script.ended).toEqual({ code: 0, signal: null });
    expect(heard.stdout() === text).toBe(true);
  });

  it('holds up the writer while it does not read, and lets him go on when it has ended', async () => {
    const heard = run('echo up; exec sleep 600');
    let written = 0;
    const write = (): void => void heard.script.stdin.write(Buffer.alloc(inputWindow), () => (written += 1));
    write();
    write();
    await said(heard, 'up');
    expect(written).toBe(0);
    heard.script.signal('TERM');
    expect(await heard.script.ended).toEqual({ code: null, signal: 'SIGTERM' });
    await expect.poll(() => written).toBe(2);
  });

  it.each([
    ['a line that is too long', 'x'.repeat(200_000), '/', 'E2BIG'],
    ['a folder that is not there', 'true', '/none', 'ENOENT'],
  ])('cannot be started: %s', async (_, line, cwd, error) => {
    const { script } = run(line, cwd);
    script.stdin.end('input');
    expect(await script.ended).toEqual({ error });
    expect(script.group).toBeUndefined();
  });
});

describe('the script host', () => {
  it('dies: its scripts are killed and say why, and the next one starts', async () => {
    const heard = run('sleep 100 & echo $! $PPID; wait');
    await said(heard, '\n');
    const [child = '', hostPid = ''] = heard.stdout().trim().split(' ');
    process.kill(Number(hostPid), 'SIGKILL');
    await expect(heard.script.ended).rejects.toThrow('the process that starts the scripts of nodes is gone: it ended with SIGKILL');
    await expect.poll(() => isThere(child)).toBe(false);
    const next = run('echo again');
    next.script.stdin.end();
    expect(await next.script.ended).toEqual({ code: 0, signal: null });
    expect(next.stdout()).toBe('again\n');
  });
});

describe('a node', () => {
  let bench: Bench | undefined;
  afterAll(() => bench?.close());

  it('answers as sshd for a script that cannot be started, and shows nothing of it', async () => {
    bench = makeNodeBench({ owners: 'recorded' });
    expect(await bench.typed(`: ${'x'.repeat(200_000)}`)).toEqual({ stdout: '', stderr: '/bin/sh: Argument list too long\n', exitCode: 1 });
    expect((await bench.typed('ls -d /proc/[0-9]* | wc -l')).stdout).toBe('1\n');
  });
});

describe('frames', () => {
  it('are read whole, in whatever pieces they come', () => {
    const frame = fc.record({ kind: fc.constantFrom('stdout', 'calls', 'ended'), script: fc.nat(), body: fc.uint8Array({ maxLength: 40 }) });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.infiniteStream(fc.integer({ min: 1, max: 30 })), (frames, cuts) => {
        const link = new PassThrough();
        for (const { kind, script, body } of frames) writeFrame(link, kind as 'stdout', script, body);
        const read: unknown[] = [];
        const take = frameReader((kind, script, body) => void read.push({ kind, script, body: [...body] }));
        const bytes = (link.read() as Buffer | null) ?? Buffer.alloc(0);
        for (let at = 0; at < bytes.length; ) {
          const length = cuts.next().value ?? 1;
          take(bytes.subarray(at, at + length));
          at += length;
        }
        expect(read).toEqual(frames.map(({ body, ...rest }) => ({ ...rest, body: [...body] })));
      }),
    );
  });
});
