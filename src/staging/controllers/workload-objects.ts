/** Shapes of workloads and pods as far as their controllers read them, and what is asked of them again and again. */

import { createHash } from 'node:crypto';
import type { StoredObject } from '../api/store.js';
import { canonical } from '../kubelet/static-manifest.js';

export interface Toleration {
  readonly key?: string;
  readonly operator?: string;
  readonly value?: string;
  readonly effect?: string;
  readonly tolerationSeconds?: number;
}

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
  readonly timeAdded?: string;
}

export interface PodSpec {
  readonly nodeName?: string;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly Toleration[];
  readonly priority?: number;
  readonly priorityClassName?: string;
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly hostNetwork?: boolean;
  readonly schedulerName?: string;
  readonly terminationGracePeriodSeconds?: number;
  readonly affinity?: { readonly nodeAffinity?: { readonly requiredDuringSchedulingIgnoredDuringExecution?: { readonly nodeSelectorTerms?: readonly NodeTerm[] } } };
  readonly containers?: readonly { readonly name: string; readonly image?: string; readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[] }[];
  readonly volumes?: readonly Readonly<Record<string, unknown>>[];
}

export interface NodeTerm {
  readonly matchFields?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}

export interface PodTemplate {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: PodSpec;
}

export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}

export interface PodStatus {
  readonly phase?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly lastTransitionTime?: string }[];
}

export function podSpecOf(pod: StoredObject): PodSpec {
  return (pod.spec ?? {}) as PodSpec;
}

export function podStatusOf(pod: StoredObject): PodStatus {
  return (pod.status ?? {}) as PodStatus;
}

/** Neither ended nor on its way out (k/k pkg/controller/controller_utils.go IsPodActive). */
export function isActive(pod: StoredObject): boolean {
  const { phase } = podStatusOf(pod);
  return phase !== 'Succeeded' && phase !== 'Failed' && pod.metadata.deletionTimestamp === undefined;
}

export function isReady(pod: StoredObject): boolean {
  return podStatusOf(pod).conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
}

/** A label value from the content of a template. */
export function templateHash(template: PodTemplate): string {
  // Letters and digits that make no words, as k8s.io/apimachinery/pkg/util/rand.SafeEncodeString.
  const safe = 'bcdfghjklmnpqrstvwxz2456789';
  const digest = createHash('sha256').update(canonical(template)).digest();
  return [...digest.subarray(0, 10)].map((byte) => safe[byte % safe.length]).join('');
}

export function selects(selector: Selector | undefined, labels: Readonly<Record<string, string>> | undefined): boolean {
  if (selector === undefined) return false;
  const has = labels ?? {};
  const byLabels = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => has[key] === value);
  return (
    byLabels &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = has[key];
      if (operator === 'In') return value !== undefined && values.includes(value);
      if (operator === 'NotIn') return value === undefined || !values.includes(value);
      return operator === 'Exists' ? value !== undefined : value === undefined;
    })
  );
}

/** "25%" or 1 of a total (apimachinery intstr.GetScaledValueFromIntOrPercent). */
export function scaled(value: number | string | undefined, total: number, rounding: 'up' | 'down', fallback: number | string): number {
  const given = value ?? fallback;
  if (typeof given === 'number') return given;
  const part = (Number.parseInt(given, 10) * total) / 100;
  return rounding === 'up' ? Math.ceil(part) : Math.floor(part);
}

export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): Toleration | undefined {
  return (tolerations ?? []).find((one) => {
    if (one.effect !== undefined && one.effect !== '' && one.effect !== taint.effect) return false;
    if (one.key === undefined || one.key === '') return one.operator === 'Exists';
    return one.key === taint.key && (one.operator === 'Exists' || (one.value ?? '') === (taint.value ?? ''));
  });
}

/** Unix ms to what the API writes, without fractions. */
export function timeText(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
