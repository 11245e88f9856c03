/** Label and field selectors of lists and watches: apimachinery pkg/labels, pkg/fields. */

import { badRequest } from './status.js';
import type { StoredObject } from './store.js';

export type Matches = (object: StoredObject) => boolean;

/** Fields that any kind has, and those of some kinds (k/k pkg/apis/core/v1/conversion.go and the registries). */
const anyKind = ['metadata.name', 'metadata.namespace'];
const byKind: Readonly<Record<string, readonly string[]>> = {
  Pod: ['spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName', 'spec.serviceAccountName', 'spec.hostNetwork', 'status.phase', 'status.podIP', 'status.nominatedNodeName'],
  Node: ['spec.unschedulable'],
  Secret: ['type'],
  Namespace: ['status.phase'],
  Service: ['spec.clusterIP', 'spec.type'],
  ReplicaSet: ['status.replicas'],
  Job: ['status.successful'],
  CertificateSigningRequest: ['spec.signerName'],
  Event: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
};

/** Throws 400 for what cannot be read. */
export function fieldSelector(text: string | null, kind: string): Matches | undefined {
  if (text === null || text === '') return undefined;
  const tests = text.split(',').map((part): Matches => {
    const [, field = '', operator = '', value = ''] = /^\s*([^=!]+?)\s*(==|=|!=)\s*(.*?)\s*$/.exec(part) ?? [];
    if (operator === '') throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
    if (!anyKind.includes(field) && !(byKind[kind] ?? []).includes(field))
      throw badRequest(`Unable to find "${kind}" that match label selector "", field selector "${text}": field label not supported: ${field}`);
    return (object) => (fieldOf(object, field) === value) === (operator !== '!=');
  });
  return (object) => tests.every((test) => test(object));
}

/** The node to which a field selector binds pods, if it does. */
export function nodeNameIn(text: string | null): string | undefined {
  return /(?:^|,)\s*spec\.nodeName\s*==?\s*([^,=\s]+)/.exec(text ?? '')?.[1];
}

function fieldOf(object: StoredObject, field: string): string {
  let value: unknown = object;
  for (const step of field.split('.')) value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[step] : undefined;
  if (value === undefined || value === null) return field === 'spec.unschedulable' || field === 'spec.hostNetwork' ? 'false' : '';
  return typeof value === 'object' ? '' : String(value);
}

/** Throws 400 for what cannot be read. */
export function labelSelector(text: string | null): Matches | undefined {
  if (text === null || text.trim() === '') return undefined;
  const tests = splitOutside(text).map((part) => labelTest(part.trim(), text));
  return ({ metadata }) => tests.every((test) => test(metadata.labels ?? {}));
}

type Labels = Readonly<Record<string, string>>;

function labelTest(part: string, whole: string): (labels: Labels) => boolean {
  const [, setKey = '', setOperator = '', list = ''] = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(part) ?? [];
  if (setKey !== '') {
    const values = list.split(',').map((value) => value.trim());
    return (labels) => (labels[setKey] !== undefined && values.includes(labels[setKey])) === (setOperator === 'in');
  }
  const [, key = '', operator = '', value = ''] = /^([^=!\s]+)\s*(==|=|!=)\s*(.*)$/.exec(part) ?? [];
  if (key !== '') return (labels) => (labels[key] === value) === (operator !== '!=');
  const [, not = '', exists = ''] = /^(!?)\s*([^=!\s()]+)$/.exec(part) ?? [];
  if (exists === '') throw badRequest(`unable to parse requirement: found '${whole}', expected: identifier`);
  return (labels) => (labels[exists] !== undefined) === (not === '');
}

function splitOutside(text: string): string[] {
  return text.split(/,(?![^(]*\))/);
}

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}

/** A LabelSelector of an object (PodDisruptionBudget, webhook). An empty one matches all, a missing one nothing. */
export function objectSelector(selector: unknown, labels: Labels): boolean {
  if (typeof selector !== 'object' || selector === null) return false;
  const { matchLabels, matchExpressions } = selector as Selector;
  const expressions = (matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels[key];
    if (operator === 'Exists') return value !== undefined;
    if (operator === 'DoesNotExist') return value === undefined;
    const is = value !== undefined && values.includes(value);
    return operator === 'In' ? is : !is;
  });
  return expressions && Object.entries(matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}
