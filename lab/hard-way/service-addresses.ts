import type { Layout } from '../layout.js';

export const clusterDomain = 'cluster.local';

/** An address of the Service network: the first is that of the API, the tenth that of the cluster's DNS. */
export function serviceAddress(layout: Layout, last: number): string {
  return layout.serviceNetwork.replace(/\.0\/\d+$/, `.${last}`);
}

export function dnsAddress(layout: Layout): string {
  return serviceAddress(layout, 10);
}
