import { describe, expect, it } from 'vitest';
import { observe, partsOf } from './edges.js';
import type { ClientSeen, Seen } from './seen.js';

const scheduler = 'E6 kube-scheduler@a -> kube-apiserver@a';

function seenOf(client: Partial<ClientSeen>, tried = '200 '): Seen {
  return {
    clients: new Map([['kube-scheduler@a', { complaints: [], isThrough: false, ...client }]]),
    tries: new Map([['client /etc/kubernetes/scheduler.conf', { code: 0, text: tried }]]),
    answers: new Map(),
  };
}

describe('what is seen of a component', () => {
  it.each<[string, Seen, string, string]>([
    ['work went through', seenOf({ isThrough: true }), 'hold', 'hold'],
    ['it complains of the server', seenOf({ complaints: ['E x509: certificate signed by unknown authority'] }), 'break', 'hold'],
    ['it complains, and its own pair would be refused, too', seenOf({ complaints: ['E x509: certificate has expired'] }, '401 '), 'break', 'break'],
    ['it is refused: the server was verified before that', seenOf({ complaints: ['E err="Unauthorized"'] }), 'hold', 'break'],
    [
      'the server says what it thinks of a client: nothing about the server',
      seenOf({ complaints: ['http: TLS handshake error from 1.2.3.4:5: remote error: tls: bad certificate'] }, '000 refused'),
      'hold',
      'unseen',
    ],
    ['nothing at all', seenOf({}, '000 Connection refused'), 'unseen', 'unseen'],
  ])('%s', (_, seen, server, client) => {
    expect([observe(`${scheduler} server`, seen).is, observe(`${scheduler} client`, seen).is]).toEqual([server, client]);
  });
});

describe('what is seen of servers that API servers call', () => {
  const api = 'E15 kube-apiserver@a -> apiservice v1 server';
  it.each<[string, { status: number; body: string }, string]>([
    ['the aggregator does not verify it', { status: 503, body: 'error trying to reach service: tls: failed to verify certificate: x509: no' }, 'break'],
    ['it speaks of a call of its own', { status: 500, body: 'Post "https://10.0.0.1:443/apis/authorization.k8s.io": tls: failed to verify certificate: x509: no' }, 'hold'],
    ['it answers', { status: 200, body: '{}' }, 'hold'],
    ['the API server is away', { status: 0, body: '' }, 'unseen'],
  ])('%s', (_, answer, expected) => {
    expect(observe(api, { clients: new Map(), tries: new Map(), answers: new Map([['apiservice', answer]]) }).is).toBe(expected);
  });
});

describe('what is seen of the signer', () => {
  const manager = (client: Partial<ClientSeen>): Seen => ({
    clients: new Map([['kube-controller-manager@a', { complaints: [], isThrough: true, ...client }]]),
    tries: new Map([['signed', { code: 1, text: '' }]]),
    answers: new Map(),
  });
  it.each<[string, Seen, string]>([
    ['it signs nothing, and is at work', manager({}), 'break'],
    ['its token is refused', manager({ complaints: ['E failed to list: Unauthorized'] }), 'unseen'],
    ['it does not get to the API', manager({ isThrough: false }), 'unseen'],
  ])('%s', (_, seen, expected) => {
    expect(observe('S1 kube-controller-manager@a -> kube-apiserver@a client', seen).is).toBe(expected);
  });
});

describe('names of edges', () => {
  it('are taken apart', () => {
    expect(partsOf('K1 holder Secret proof/legacy-token /data/token -> kube-apiserver@a token')).toEqual({
      class: 'K1',
      client: 'holder Secret proof/legacy-token /data/token',
      server: 'kube-apiserver@a',
      leg: 'token',
    });
  });

  it('that are none are refused', () => {
    expect(() => partsOf('E5 somebody')).toThrow('not the name of an edge');
  });

  it('of a class without a probe are told', () => {
    expect(observe('E99 a -> b server', seenOf({})).is).toBe('unseen');
  });
});
