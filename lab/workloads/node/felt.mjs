// The same loop as in Go, for Node: OpenSSL verifies, and ca.crt is read once, at the start. Only what Node brings.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent, request } from 'node:https';
import { Counters } from './counters.mjs';

const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
const namespace = process.env.POD_NAMESPACE ?? 'felt';
const name = process.env.POD_NAME ?? 'unnamed';
const object = `felt-${name}`;
const collection = `/api/v1/namespaces/${namespace}/configmaps`;
const callDeadlineMs = 5000;
const tokenLifeMs = 60_000;

const ca = readFileSync(`${folder}/ca.crt`);
const counters = new Counters({
  name,
  workload: process.env.FELT_WORKLOAD ?? '',
  language: 'node',
  node: process.env.NODE_NAME ?? '',
  caSha256: createHash('sha256').update(ca).digest('hex'),
});

let token = { text: '', readAt: 0 };
function bearer() {
  if (Date.now() - token.readAt > tokenLifeMs) {
    token = { text: readFileSync(`${folder}/token`, 'utf8').trim(), readAt: Date.now() };
  }
  return `Bearer ${token.text}`;
}

const where = { host: process.env.KUBERNETES_SERVICE_HOST, port: process.env.KUBERNETES_SERVICE_PORT };
const kept = new Agent({ ca, keepAlive: true, maxSockets: 1 });
const watching = new Agent({ ca, keepAlive: false });
// No session is resumed: each connection verifies the server's certificate.
const fresh = new Agent({ ca, keepAlive: false, maxCachedSessions: 0 });

class HttpFailure extends Error {
  constructor(status, body) {
    super(`HTTP ${status}: ${body.slice(0, 160)}`);
    this.status = status;
  }
}

/** One call, one try. Resolves with the response stream. */
function open({ method = 'GET', path, agent, body, contentType, deadlineMs = callDeadlineMs }) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: bearer(), accept: 'application/json', 'user-agent': 'felt-node' };
    if (body !== undefined) {
      headers['content-type'] = contentType;
      headers['content-length'] = Buffer.byteLength(body);
    }
    const call = request({ ...where, method, path, agent, headers }, (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    const timer = setTimeout(() => call.destroy(new Error(`timeout after ${deadlineMs} ms`)), deadlineMs);
    call.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    call.end(body);
  });
}

async function whole(response) {
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  if (response.statusCode >= 300) throw new HttpFailure(response.statusCode, text);
  return text;
}

let exists = false;
let lastWrite = Promise.resolve();
/** One write at a time: the last one, which says how the program ended, must not be overtaken by the one before it. */
function write() {
  lastWrite = lastWrite.then(writeOnce);
  return lastWrite;
}

async function writeOnce() {
  const began = Date.now();
  const data = { [`run-${counters.startedAt}`]: counters.json() };
  try {
    if (exists) {
      const body = JSON.stringify({ data });
      await whole(await open({ method: 'PATCH', path: `${collection}/${object}`, agent: kept, body, contentType: 'application/merge-patch+json' }));
    } else {
      const body = JSON.stringify({ metadata: { name: object, labels: { felt: 'counters' } }, data });
      await whole(await open({ method: 'POST', path: collection, agent: kept, body, contentType: 'application/json' }));
    }
    exists = true;
    counters.succeeded('write');
    return true;
  } catch (error) {
    if (!exists && error.status === 409) {
      exists = true;
      counters.succeeded('write');
      return true;
    }
    if (error.status === 404) exists = false;
    counters.failed('write', began, error);
    return false;
  }
}

async function connectOnce() {
  const began = Date.now();
  try {
    await whole(await open({ path: `${collection}/${object}?resourceVersion=0`, agent: fresh }));
    counters.succeeded('fresh');
  } catch (error) {
    counters.failed('fresh', began, error);
  }
}

async function watchOnce() {
  const began = Date.now();
  try {
    const response = await open({ path: `${collection}?watch=true&fieldSelector=metadata.name%3D${object}`, agent: watching });
    if (response.statusCode !== 200) await whole(response);
    counters.succeeded('watch');
    let last = Date.now();
    for await (const chunk of response) {
      if (!chunk.includes('\n')) continue;
      counters.heard(Date.now() - last);
      last = Date.now();
    }
  } catch (error) {
    counters.failed('watch', began, error);
  }
  setTimeout(watchOnce, 500);
}

createServer((asked, answer) => {
  answer.writeHead(asked.url === '/counters' ? 200 : 404, { 'content-type': 'application/json' });
  answer.end(asked.url === '/counters' ? counters.json() : '{}');
}).listen(Number(process.env.FELT_PORT ?? 8080));

let busy = false;
setInterval(async () => {
  if (busy) return;
  busy = true;
  await write();
  busy = false;
}, 1000);
setInterval(connectOnce, 5000);
setInterval(() => console.log(counters.json()), 10_000);
watchOnce();

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
process.once('SIGTERM', async () => {
  // What fails at that moment may be over with the next try: the next fresh connection is within this time.
  for (const until = Date.now() + 8000; counters.isFailing && Date.now() < until; ) await pause(100);
  counters.endedBy = 'SIGTERM';
  // Until the record is there, and in it no failure that this very write has ended.
  for (let tries = 0; tries < 4; tries += 1) {
    const wasFailing = counters.isFailing;
    if ((await write()) && !wasFailing) break;
    await pause(500);
  }
  process.exit(0);
});
