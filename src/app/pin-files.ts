/** Files of this machine that a playbook puts somewhere: what they hold when the plan is made becomes part of the plan. */

import { failuresOf, type Failure, RotationError } from '../domain/errors.js';
import type { Playbook } from '../domain/plan/playbook.js';
import { ownPath, pinOwnFile } from '../operations/own-files.js';
import type { PinnedFile, StepKinds } from '../ports/step-kind.js';

/** The playbook with what its files hold. Throws file-missing, pem-invalid, kubeconfig-invalid; all problems at once. */
export function pinFiles(playbook: Playbook, kinds: StepKinds): Playbook {
  const failures: Failure[] = [];
  const steps = playbook.steps.map((step) => {
    const kind = kinds.get(step.kind);
    const read = kind?.params.safeParse(step.params);
    if (kind?.filesOf === undefined || kind.pinned === undefined || read?.success !== true) return step;
    const contents = new Map<string, PinnedFile>();
    for (const file of new Set(kind.filesOf(read.data))) {
      try {
        contents.set(file, pinOwnFile(ownPath(playbook.file, file)));
      } catch (error) {
        const found = failuresOf(error);
        if (found === undefined) throw error;
        failures.push(...found);
      }
    }
    return { ...step, params: kind.pinned(read.data, contents) as Readonly<Record<string, unknown>> };
  });
  if (failures.length > 0) throw new RotationError(failures);
  return { ...playbook, steps };
}
