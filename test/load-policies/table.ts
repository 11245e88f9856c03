/** All experiments, those that take long last. */

import type { Release } from '../../lab/release.js';
import { apiCallers } from './api-callers.js';
import { apiConfiguration } from './api-configuration.js';
import { apiFiles } from './api-files.js';
import { clientExperiments } from './clients.js';
import type { Experiment } from './experiment.js';
import { kubelets } from './kubelets.js';
import { managers } from './managers.js';

export function experiments({ name, version }: Release): readonly Experiment[] {
  const minor = Number(name.split('.')[1]);
  return [...kubelets(minor), ...apiConfiguration, ...apiFiles, ...apiCallers, ...managers, ...clientExperiments({ minor, version })];
}
