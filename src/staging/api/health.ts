/** /livez, /readyz and /healthz: the checks, in the order and words of the real ones (apiserver pkg/server/healthz). */

import { ok, type Handled, type ServedApi } from './served-api.js';

const hooks = [
  'start-apiserver-admission-initializer',
  'generic-apiserver-start-informers',
  'priority-and-fairness-config-consumer',
  'priority-and-fairness-filter',
  'storage-object-count-tracker-hook',
  'start-apiextensions-informers',
  'start-apiextensions-controllers',
  'crd-informer-synced',
  'start-system-namespaces-controller',
  'start-cluster-authentication-info-controller',
  'start-legacy-token-tracking-controller',
  'rbac/bootstrap-roles',
  'scheduling/bootstrap-system-priority-classes',
  'bootstrap-controller',
  'aggregator-reload-proxy-client-cert',
  'start-kube-aggregator-informers',
  'apiservice-registration-controller',
  'kube-apiserver-autoregistration',
].map((name) => `poststarthook/${name}`);

/** undefined: not a path of health. */
export function health(api: ServedApi, path: string, query: URLSearchParams): Handled | undefined {
  const [, probe = '', check] = /^\/(livez|readyz|healthz)(?:\/(.+?))?\/?$/.exec(path) ?? [];
  if (probe === '') return undefined;
  const checks = checksOf(probe).filter((one) => !query.getAll('exclude').includes(one));
  if (check !== undefined) {
    if (!checks.includes(check)) return { status: 404, text: '404 page not found\n', contentType: 'text/plain; charset=utf-8' };
    return isGood(api, check) ? plain(200, 'ok') : plain(500, `internal server error: ${why(api)}\n`);
  }
  const lines = checks.map((one) => (isGood(api, one) ? `[+]${one} ok\n` : `[-]${one} failed: reason withheld\n`));
  const good = checks.every((one) => isGood(api, one));
  if (!good) return plain(500, `${lines.join('')}${probe} check failed\n`);
  return query.has('verbose') ? plain(200, `${lines.join('')}${probe} check passed\n`) : plain(200, 'ok');
}

function checksOf(probe: string): string[] {
  const ready = probe === 'readyz' ? ['etcd-readiness', 'informer-sync'] : [];
  return ['ping', 'log', 'etcd', ...ready, ...hooks, 'autoregister-completion', ...(probe === 'readyz' ? ['shutdown'] : [])];
}

function isGood(api: ServedApi, check: string): boolean {
  return !check.startsWith('etcd') || api.etcd.healthy;
}

function why(api: ServedApi): string {
  return api.etcd.why;
}

function plain(status: number, text: string): Handled {
  return { ...ok(undefined), status, text, contentType: 'text/plain; charset=utf-8', headers: { 'x-content-type-options': 'nosniff' } };
}
