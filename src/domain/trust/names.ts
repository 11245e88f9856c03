/** Names of places, processes, inputs and edges: one spelling, for the graph, for the changes of steps, and for whoever reads them. Pure. */

import type { Edge, EdgeClass, EdgeId, InputId, PlaceId, ProcessId } from './graph.js';

/** `part`: the CA or the client of a kubeconfig, or the key that a file holds. */
export function filePlace(node: string, path: string, part?: 'ca' | 'client' | 'key'): PlaceId {
  return `${node}:${path}${part === undefined ? '' : `#${part}`}`;
}

/** A value of an object; without a namespace where it has none. */
export function objectPlace(object: { readonly kind: string; readonly namespace: string; readonly name: string; readonly field: string }): PlaceId {
  return `${object.kind} ${object.namespace === '' ? '' : `${object.namespace}/`}${object.name} ${object.field}`;
}

/** What rotate-ca itself holds for the API. */
export const enginePlaces = { ca: 'rotate-ca#ca', client: 'rotate-ca#client' } as const;

export function componentId(component: string, node: string): ProcessId {
  return `${component}@${node}`;
}

export function podId(pod: { readonly namespace: string; readonly name: string }): ProcessId {
  return `pod ${pod.namespace}/${pod.name}`;
}

export function inputId(process: ProcessId, what: string): InputId {
  return `${process} ${what}`;
}

export function edgeId(edge: { readonly class: EdgeClass; readonly client: ProcessId; readonly server: ProcessId; readonly leg: Edge['leg'] }): EdgeId {
  return `${edge.class} ${edge.client} -> ${edge.server} ${edge.leg}`;
}
