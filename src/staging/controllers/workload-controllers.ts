/** The controllers of kube-controller-manager that keep nodes and workloads. */

import { countBudgets } from './budgets.js';
import type { Controller } from './controller-world.js';
import { keepDaemons } from './daemon-sets.js';
import { rollDeployments } from './deployments.js';
import { collectGarbage } from './garbage.js';
import { watchNodes } from './node-lifecycle.js';
import { keepReplicas } from './replica-sets.js';
import { keepStateful } from './stateful-sets.js';

export const workloadControllers: readonly Controller[] = [rollDeployments, keepReplicas, keepDaemons, keepStateful, countBudgets, watchNodes, collectGarbage];
