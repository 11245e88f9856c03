/** kube-proxy as a unit: a client of the API with the certificate of its kubeconfig, which it reads once (R), and a port that says whether it is there. */

import { createServer } from 'node:http';
import { parse } from 'yaml';
import { createClient } from '../client/create-client.js';
import { readStagingKubeconfig } from '../client/kubeconfig-file.js';
import { pollPair } from '../client/poll-pair.js';
import type { RunningComponent, StartComponent } from '../component.js';
import { listen } from '../listen.js';

export const proxyPorts = { health: 10256, metrics: 10249 } as const;

/** What it follows (k/k cmd/kube-proxy/app/server.go Run). */
const followed = ['/api/v1/services', '/apis/discovery.k8s.io/v1/endpointslices'];

interface Configuration {
  readonly clientConnection?: { readonly kubeconfig?: string };
}

/** Flags: `config`, `hostname-override`. Throws what the real one logs before it exits. Without an API it goes on with the rules that it has. */
export const startProxy: StartComponent = async ({ context, node, process, flags, log }): Promise<RunningComponent> => {
  const { clock } = context;
  const must = (path: string): string => {
    const bytes = process.read(path);
    if (bytes === undefined) throw new Error(`"command failed" err="open ${path}: no such file or directory"`);
    return bytes.toString('utf8');
  };
  const configuration = flags.config === undefined ? {} : ((parse(must(flags.config)) ?? {}) as Configuration);
  const loaded = readStagingKubeconfig(must(configuration.clientConnection?.kubeconfig ?? flags.kubeconfig ?? ''), (path) => process.read(path));
  const health = createServer((request, response) => {
    response
      .writeHead(/^\/(healthz|livez)/.test(request.url ?? '') ? 200 : 404, { 'content-type': 'application/json' })
      .end(JSON.stringify({ currentTime: new Date(clock.now()) }));
  });
  await listen(health, proxyPorts.health, node.address);
  process.listens(proxyPorts.health);
  process.listens(proxyPorts.metrics);

  const client = createClient(loaded, { clock, localAddress: node.address });
  const stopPolling = pollPair(client, loaded.pair, clock);
  const onTrouble = (trouble: string): void => log(`"Failed to watch" err="${trouble}"`);
  for (const path of followed) client.inform(path, { onObject: () => undefined, onSynced: () => log(`"Caches are synced" controller="${path}"`), onTrouble });
  client.inform('/api/v1/nodes', { onObject: () => undefined, onTrouble }, `fieldSelector=metadata.name%3D${flags['hostname-override'] ?? node.name}`);

  let tell: (why: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    tell = resolve;
  });
  return {
    ended,
    async stop() {
      stopPolling();
      client.close();
      health.closeAllConnections();
      await new Promise((resolve) => health.close(resolve));
      tell('stopped');
    },
  };
};
