/** Load policy H: files that are noticed when they change, and looked at again in any case; the last good content is kept. */

import type { StagingClock } from '../clock.js';
import type { StagingNode, StagingProcess } from '../node/staging-node.js';
import { timings } from '../timings.js';
import { readFile } from './cert-files.js';

export interface HotFile<T> {
  readonly current: T;
}

export interface HotFiles {
  /** Reads now, and throws if that is not possible (a start error); from then on `current` follows the files. */
  watch<T>(paths: readonly string[], parse: (contents: readonly Buffer[]) => T, onLoaded?: (loaded: T) => void): HotFile<T>;
  stop(): void;
}

/** apiserver pkg/server/dynamiccertificates: dynamic_cafile_content.go, dynamic_serving_content.go. `log` is told of content that is not taken. */
export function createHotFiles(options: {
  readonly process: Pick<StagingProcess, 'read'>;
  readonly node: Pick<StagingNode, 'onChange'>;
  readonly clock: StagingClock;
  readonly log: (line: string) => void;
}): HotFiles {
  const { process, node, clock, log } = options;
  const looks = new Set<() => void>();
  let cancelNotice: (() => void) | undefined;

  const lookAll = (): void => {
    for (const look of looks) look();
  };
  const offChange = node.onChange(() => {
    cancelNotice ??= clock.after(timings.hotNoticeMs, () => {
      cancelNotice = undefined;
      lookAll();
    });
  });
  const offRecheck = clock.every(timings.hotRecheckMs, lookAll);

  return {
    watch<T>(paths: readonly string[], parse: (contents: readonly Buffer[]) => T, onLoaded?: (loaded: T) => void) {
      const read = (): Buffer[] => paths.map((path) => readFile(process, path));
      let seen = read();
      let current = parse(seen);
      let told = '';
      looks.add(() => {
        try {
          const now = read();
          if (now.every((bytes, i) => bytes.equals(seen[i] ?? Buffer.alloc(0)))) return;
          current = parse(now);
          seen = now;
          told = '';
          onLoaded?.(current);
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          if (why !== told) log(`"key failed with" err="${why}" key="${paths.join(',')}"`);
          told = why;
        }
      });
      return {
        get current() {
          return current;
        },
      };
    },
    stop() {
      offChange();
      offRecheck();
      cancelNotice?.();
      looks.clear();
    },
  };
}
