/** Somebody outside of a staging cluster who has a client certificate of its CA, and asks an API server with it. */

import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { StagingCluster } from '../../src/staging/cluster.js';
import { makeLeaf } from '../../src/x509/certificate-authority.js';
import { makeKeyPair } from '../../src/x509/key-pair.js';
import { Secret } from '../../src/domain/secret.js';

export interface Outsider {
  readonly certificatePem: string;
  /** PEM of the CA that has signed it. */
  readonly caPem: string;
  /** Its address; of the cluster's block, where no node is. */
  readonly address: string;
  /** Status of a GET of a path at the API server of the first control plane, over a connection of its own. */
  ask(path: string, options: { readonly caPem: string; readonly agent: string }): Promise<number>;
}

const day = 24 * 60 * 60_000;

/** The CA's key is taken from a control plane, as whoever has made such certificates by hand did: no request tells of it. */
export async function makeOutsider(staging: StagingCluster, commonName: string): Promise<Outsider> {
  const [first] = staging.context.nodes();
  if (first === undefined) throw new Error('the staging cluster has no node');
  const text = (name: string): string => first.read(`/etc/kubernetes/pki/${name}`)?.bytes.toString('utf8') ?? '';
  const pair = await makeKeyPair('ecdsa-p256');
  const certificatePem = await makeLeaf({
    ca: { certificatePem: text('ca.crt'), keyPem: new Secret(text('ca.key')) },
    pair,
    subject: { commonName, organizations: [] },
    usages: ['clientAuth'],
    notBeforeMs: Date.now() - day,
    notAfterMs: Date.now() + day,
  });
  const keyPem = pair.privateKeyPem.reveal().toString('utf8');
  const address = `127.${staging.spec.block}.200.7`;
  return {
    certificatePem,
    caPem: text('ca.crt'),
    address,
    ask: (path, { caPem, agent }) =>
      new Promise((resolve, reject) => {
        const asked = request(
          { host: first.address, port: 6443, path, ca: caPem, cert: certificatePem, key: keyPem, localAddress: address, agent: false, headers: { 'user-agent': agent } },
          (answer) => {
            answer.resume();
            answer.once('end', () => resolve(answer.statusCode ?? 0));
          },
        );
        asked.once('error', reject);
        asked.end();
      }),
  };
}

/** A connection to the API server of the first control plane that never says a word. */
export function connectFrom(staging: StagingCluster, localAddress: string): Promise<Socket> {
  const host = staging.context.nodes()[0]?.address ?? '';
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: 6443, localAddress });
    socket.once('error', reject);
    socket.once('connect', () => resolve(socket));
  });
}
