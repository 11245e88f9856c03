import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../ports/kube.js';
import { calledIn } from './called-in.js';

const service = { name: 's', namespace: 'n' };
const of = (kind: string, rest: object): KubeObject => ({ apiVersion: '', kind, metadata: { name: 'x' }, ...rest });
const conversion = (clientConfig: object, strategy = 'Webhook') => of('CustomResourceDefinition', { spec: { conversion: { strategy, webhook: { clientConfig } } } });

describe('servers that API servers call', () => {
  it.each<[string, KubeObject, readonly string[]]>([
    [
      'each webhook of a configuration',
      of('ValidatingWebhookConfiguration', { webhooks: [{ clientConfig: { service: { ...service, port: 8443 } } }, { clientConfig: { url: 'https://h.example/p' } }] }),
      ['/webhooks/0/clientConfig/caBundle s.n.svc n/s:8443 -', '/webhooks/1/clientConfig/caBundle h.example - h.example:443'],
    ],
    [
      'a URL with a port and an IPv6 address',
      of('MutatingWebhookConfiguration', { webhooks: [{ clientConfig: { url: 'https://[fd00::1]:9/' } }] }),
      ['/webhooks/0/clientConfig/caBundle fd00::1 - fd00::1:9'],
    ],
    ['no URL of another kind', of('MutatingWebhookConfiguration', { webhooks: [{ clientConfig: { url: 'http://h/' } }, { clientConfig: { url: 'h' } }, {}, null] }), []],
    ['a conversion', conversion({ service }), ['/spec/conversion/webhook/clientConfig/caBundle s.n.svc n/s:443 -']],
    ['no conversion of the strategy None', conversion({ service }, 'None'), []],
    ['an aggregated API', of('APIService', { spec: { service } }), ['/spec/caBundle s.n.svc n/s:443 -']],
    ['an aggregated API that nobody verifies', of('APIService', { spec: { service, insecureSkipTLSVerify: true } }), ['/spec/caBundle s.n.svc n/s:443 - unverified']],
    ['no API of the API server itself', of('APIService', { spec: { service: null } }), []],
    ['nothing of other kinds', of('ConfigMap', { data: {} }), []],
    ['nothing of an object that is not as it must be', of('ValidatingWebhookConfiguration', { webhooks: 'x' }), []],
  ])('%s', (_, object, expected) => {
    const text = calledIn(object).map(({ server: { field, host, service: at, isUnverified }, address }) =>
      [
        field,
        host,
        at === undefined ? '-' : `${at.namespace}/${at.name}:${at.port}`,
        address === undefined ? '-' : `${address.host}:${address.port}`,
        isUnverified ? 'unverified' : '',
      ]
        .join(' ')
        .trim(),
    );
    expect(text).toEqual(expected);
  });
});
