/** Finds the servers that API servers call: webhooks, conversions of CRDs, aggregated APIs. Pure. */

import type { CalledServer } from '../../domain/cluster/inventory.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Address } from '../../ports/tls-probe.js';

/** `address`: of a URL; a Service's is that of its cluster IP. */
export interface Called {
  readonly server: CalledServer;
  readonly address?: Address;
}

interface ClientConfig {
  readonly url?: string;
  readonly service?: { readonly namespace?: string; readonly name?: string; readonly port?: number };
}

/** What is asked of a server, in the order of the object; an object that calls nobody has none. */
export function calledIn(object: KubeObject): Called[] {
  const common = { kind: object.kind, name: object.metadata.name };
  if (object.kind.endsWith('WebhookConfiguration')) {
    const webhooks = Array.isArray(object.webhooks) ? (object.webhooks as readonly { readonly clientConfig?: ClientConfig }[]) : [];
    return webhooks.flatMap((webhook, index) => serverOf(webhook?.clientConfig, { ...common, field: `/webhooks/${index}/clientConfig/caBundle`, isUnverified: false }));
  }
  if (object.kind === 'APIService') {
    const spec = (object.spec ?? {}) as { readonly service?: ClientConfig['service'] | null; readonly insecureSkipTLSVerify?: boolean };
    // Without a service the API server answers itself.
    if (spec.service === undefined || spec.service === null) return [];
    return serverOf({ service: spec.service }, { ...common, field: '/spec/caBundle', isUnverified: spec.insecureSkipTLSVerify === true });
  }
  if (object.kind === 'CustomResourceDefinition') {
    const spec = (object.spec ?? {}) as { readonly conversion?: { readonly strategy?: string; readonly webhook?: { readonly clientConfig?: ClientConfig } } };
    if (spec.conversion?.strategy !== 'Webhook') return [];
    return serverOf(spec.conversion.webhook?.clientConfig, { ...common, field: '/spec/conversion/webhook/clientConfig/caBundle', isUnverified: false });
  }
  return [];
}

/** A Service is called by the name `NAME.NAMESPACE.svc`, port 443 where none is given (k/k staging/src/k8s.io/apiserver/pkg/util/webhook/client.go). */
function serverOf(config: ClientConfig | undefined, common: Pick<CalledServer, 'kind' | 'name' | 'field' | 'isUnverified'>): Called[] {
  const { service, url } = config ?? {};
  if (service?.name !== undefined && service.namespace !== undefined) {
    const { namespace, name, port = 443 } = service;
    return [{ server: { ...common, host: `${name}.${namespace}.svc`, service: { namespace, name, port } } }];
  }
  const at = urlOf(url);
  return at === undefined ? [] : [{ server: { ...common, host: at.host }, address: at }];
}

/** Host and port of an https URL; IPv6 addresses without brackets. */
function urlOf(url: string | undefined): Address | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { hostname, port, protocol } = new URL(url);
  return protocol === 'https:' ? { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? 443 : Number(port) } : undefined;
}
