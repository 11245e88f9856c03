/** Load policies in the form of inputs. Pure. */

import type { KubeconfigKey, ReadRule } from './graph-draft.js';
import { loadPolicy } from './load-policies.js';

export function ruleOf(component: string, input: string, version: string): ReadRule {
  const { policy, proved } = loadPolicy(component, input, version);
  return { policy, proved };
}

/** Of a component that has its credentials from a kubeconfig: embedded data and files are not read alike. */
export function ofKubeconfig(component: string, version: string): (key: KubeconfigKey) => ReadRule {
  return (key) => ruleOf(component, `kubeconfig ${key}`, version);
}

/** A program that is started anew each time. */
export const perUse = (): ReadRule => ({ policy: 'per-use' });
