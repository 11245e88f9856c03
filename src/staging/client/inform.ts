/** List, then watch, and again when it ends: what client-go calls a reflector. */

import type { ClientRequest } from 'node:http';
import type { StagingClock } from '../clock.js';
import type { StreamedAnswer } from './streamed-answer.js';
import type { ClientAnswer, StagingClient } from './staging-client.js';

export interface InformPorts {
  readonly clock: StagingClock;
  request(method: 'GET', path: string): Promise<ClientAnswer>;
  send(path: string): { readonly request: ClientRequest; readonly answer: Promise<StreamedAnswer> };
}

type Handlers = Parameters<StagingClient['inform']>[1];

interface Listed {
  readonly metadata: { readonly resourceVersion: string; readonly uid: string; readonly name: string; readonly namespace?: string };
}

/** client-go tools/cache/reflector.go: NewExponentialBackoffManager(800 ms, 30 s, reset after 2 min, factor 2, jitter 1): hundreds of kubelets do not come back at one moment. */
const backOff = { firstMs: 800, mostMs: 30_000, resetMs: 120_000 };
/** client-go tools/cache/reflector.go: between 5 and 10 minutes, drawn for each watch. */
const watchSeconds = (): number => Math.floor(300 * (1 + Math.random()));

/** Returns what stops it. */
export function inform(ports: InformPorts, path: string, handlers: Handlers, query: string): () => void {
  const known = new Map<string, Record<string, unknown>>();
  const ending = new AbortController();
  let watching: ClientRequest | undefined;
  let trouble = '';
  let pauseMs = backOff.firstMs;
  let pausedAtMs = 0;

  function tell(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: Record<string, unknown>): void {
    const id = idOf(object);
    if (type === 'DELETED') known.delete(id);
    else known.set(id, object);
    if (!ending.signal.aborted) handlers.onObject(type, object);
  }

  async function list(): Promise<string> {
    const answer = await ports.request('GET', `${path}${query === '' ? '' : `?${query}`}`);
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`);
    const { apiVersion, kind, items, metadata } = JSON.parse(answer.body) as {
      apiVersion: string;
      kind: string;
      items: Record<string, unknown>[];
      metadata: { resourceVersion: string };
    };
    const gone = new Map(known);
    for (const item of items) {
      // Items of a list come without the two fields that say what they are.
      const object = { apiVersion, kind: kind.replace(/List$/, ''), ...item };
      const before = known.get(idOf(object));
      gone.delete(idOf(object));
      if (before === undefined) tell('ADDED', object);
      else if (versionOf(before) !== versionOf(object)) tell('MODIFIED', object);
    }
    for (const object of gone.values()) tell('DELETED', object);
    return metadata.resourceVersion;
  }

  /** The version to go on from; undefined: list again. */
  async function watch(from: string): Promise<string | undefined> {
    const parameters = `watch=true&resourceVersion=${from}&timeoutSeconds=${watchSeconds()}&allowWatchBookmarks=true`;
    const sent = ports.send(`${path}?${query === '' ? '' : `${query}&`}${parameters}`);
    watching = sent.request;
    const { status, stream } = await sent.answer;
    let version: string | undefined = from;
    let rest = '';
    for await (const chunk of stream.setEncoding('utf8')) {
      rest += String(chunk);
      if (status !== 200) continue;
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const { type, object } = JSON.parse(line) as { type: string; object: Record<string, unknown> };
        if (type === 'ERROR') return undefined;
        version = versionOf(object);
        if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') tell(type, object);
      }
    }
    if (status === 410) return undefined;
    if (status !== 200) throw new Error(`${status} ${rest}`);
    return version;
  }

  /** It grows from pause to pause, whatever lies between them, unless that was long. */
  async function pause(): Promise<void> {
    const { clock } = ports;
    if (clock.now() - pausedAtMs > backOff.resetMs / clock.speed) pauseMs = backOff.firstMs;
    const thisMs = pauseMs * (1 + Math.random());
    pauseMs = Math.min(pauseMs * 2, backOff.mostMs);
    pausedAtMs = clock.now();
    await clock.wait(thisMs, ending.signal);
  }

  async function run(): Promise<void> {
    let from: string | undefined;
    let synced = false;
    while (!ending.signal.aborted) {
      try {
        if (from === undefined) {
          from = await list();
          trouble = '';
          if (!synced && !ending.signal.aborted) handlers.onSynced?.();
          synced = true;
        }
        from = await watch(from);
      } catch (error) {
        if (ending.signal.aborted) return;
        const { code, message } = error as NodeJS.ErrnoException;
        const text = code === undefined ? message : `${code}: ${message}`;
        if (text !== trouble) handlers.onTrouble?.(text);
        trouble = text;
        // A connection that was cut says nothing of the version; an answer of the server may.
        if (code === undefined) from = undefined;
        await pause();
      }
    }
  }

  void run();
  return () => {
    ending.abort();
    watching?.destroy();
  };
}

function idOf(object: Record<string, unknown>): string {
  const { namespace, name } = (object as unknown as Listed).metadata;
  return `${namespace ?? ''}/${name}`;
}

function versionOf(object: Record<string, unknown>): string {
  return (object as unknown as Listed).metadata.resourceVersion;
}
