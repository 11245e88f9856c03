import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import { waitFor } from '../deadline.js';
import type { Lab } from '../lab.js';
import { buildProber } from './build.js';
import { defaultLanes, labTargets, type ProbeClass, type ProbeLane, type ProberConfig } from './config.js';
import { putAhead } from './priority.js';
import { type ProbeSummary, parseSummary, readSummary } from './summary.js';

export interface ProberOptions {
  readonly lab: Lab;
  /** Gets config.json, raw.jsonl, summary.json and the prober's own messages. */
  readonly outDir: string;
  readonly classes: readonly ProbeClass[];
  readonly lanes?: readonly ProbeLane[];
  readonly deadlineMs?: number;
}

/** A prober that runs, in a process of its own. */
export interface Prober {
  readonly rawLog: string;
  readonly summaryFile: string;
  /** Starts another kind of client; fails when its material cannot be read. */
  addClass(probeClass: ProbeClass): Promise<void>;
  /** Ends one: resolves when its last probe has come back and is counted. */
  stopClass(name: string): Promise<void>;
  summary(): Promise<ProbeSummary>;
  /** Ends the prober and gives the complete count. */
  end(): Promise<ProbeSummary>;
}

const controlDeadlineMs = 60_000;

export async function startProber(options: ProberOptions): Promise<Prober> {
  const { lab, outDir, classes } = options;
  const program = await buildProber(lab);
  mkdirSync(outDir, { recursive: true });
  const targets = labTargets(lab);
  const config: ProberConfig = {
    rawLog: join(outDir, 'raw.jsonl'),
    summary: join(outDir, 'summary.json'),
    controlFile: join(outDir, 'control.json'),
    endWithStdin: true,
    deadlineMs: options.deadlineMs ?? 1000,
    targets,
    lanes: options.lanes ?? defaultLanes(targets),
    classes,
  };
  for (const stale of [config.rawLog, config.summary, config.controlFile]) rmSync(stale, { force: true });
  const configFile = join(outDir, 'config.json');
  writeFileAtomically(configFile, `${JSON.stringify(config, undefined, 1)}\n`);

  const messages = join(outDir, 'prober.log');
  const messageStream = openSync(messages, 'w');
  // A session of its own, see priority.ts. Its standard input is ours: should we be killed, it ends in order by itself.
  const child = spawn(program, [configFile], { stdio: ['pipe', messageStream, messageStream], detached: true });
  if (child.pid !== undefined) putAhead(child.pid);
  closeSync(messageStream);
  const ended = endOf(child);
  const complaint = (): string => readFileSync(messages, 'utf8').trim() || 'no message';
  await waitFor('the prober to start', { timeoutMs: 60_000, everyMs: 50 }, async () => {
    if (child.exitCode !== null) throw new Error(complaint());
    return existsSync(config.controlFile) ? true : complaint();
  });
  const { address } = JSON.parse(readFileSync(config.controlFile, 'utf8')) as { address: string };
  const control = (method: string, path: string, body?: unknown): Promise<string> => callControl(`http://${address}${path}`, method, body);

  return {
    rawLog: config.rawLog,
    summaryFile: config.summary,
    addClass: async (probeClass) => void (await control('POST', '/classes', probeClass)),
    stopClass: async (name) => void (await control('DELETE', `/classes/${encodeURIComponent(name)}`)),
    summary: async () => parseSummary(await control('GET', '/summary')),
    end: async () => {
      child.stdin?.end();
      const code = await ended;
      if (code !== 0) throw new Error(`the prober ended with exit ${code}: ${complaint()}`);
      return readSummary(config.summary);
    },
  };
}

async function callControl(url: string, method: string, body?: unknown): Promise<string> {
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(controlDeadlineMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`prober: ${method} ${url}: ${text.trim()}`);
  return text;
}

function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (code) => resolve(code ?? 128));
  });
}
