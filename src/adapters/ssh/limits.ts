/** How long an operation may take and who may end it: a deadline and the caller's signal as one signal with one reason. */

import { RotationError, failure } from '../../domain/errors.js';

export interface Limits {
  /** Raised with a RotationError (deadline-exceeded, interrupted) as its reason. */
  readonly signal: AbortSignal;
  /** Milliseconds until the deadline, at least 0. */
  leftMs(): number;
  /** Must be called when the operation is over: takes the timer and listeners away. */
  done(): void;
}

/** Begins a deadline now. `what` is for the message: "reading /etc/hosts". */
export function limitsFor(node: string, what: string, options: { readonly deadlineMs: number; readonly signal?: AbortSignal }): Limits {
  const controller = new AbortController();
  const endsAt = performance.now() + options.deadlineMs;
  const interrupt = (): void =>
    controller.abort(
      new RotationError(
        failure('interrupted', {
          target: node,
          summary: `Stopped while ${what}`,
          cause: 'the operator asked to stop; whether it ended on the node is not known',
          nextAction: 'Run "rotate-ca resume": it looks first what was done',
        }),
      ),
    );
  const timer = setTimeout(
    () => {
      controller.abort(
        new RotationError(
          failure('deadline-exceeded', {
            target: node,
            summary: `No end within ${options.deadlineMs} ms: ${what}`,
            cause: 'whether it ended on the node is not known',
            nextAction: `Look at the load of ${node}, then run "rotate-ca resume"`,
            retryable: true,
          }),
        ),
      );
    },
    Math.max(0, options.deadlineMs),
  );
  if (options.signal?.aborted) {
    interrupt();
  } else {
    options.signal?.addEventListener('abort', interrupt, { once: true });
  }
  return {
    signal: controller.signal,
    leftMs: () => Math.max(0, endsAt - performance.now()),
    done: () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', interrupt);
    },
  };
}

/** The promise, or the signal's reason if that comes first. */
export async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  // What is left behind may still fail: nobody waits for it any more.
  promise.catch(() => undefined);
  let stop: (() => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      stop = () => reject(signal.reason);
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      signal.addEventListener('abort', stop, { once: true });
      promise.then(resolve, reject);
    });
  } finally {
    if (stop !== undefined) {
      signal.removeEventListener('abort', stop);
    }
  }
}
