/** The life of a process that carries out a step: it can end after so many changes, and whatever it would do after that does not happen. */

import type { Kube } from '../../src/ports/kube.js';
import type { NodeShell } from '../../src/ports/node-shell.js';
import type { Site } from '../../src/ports/step-kind.js';

/** Not an expected failure: no kind may catch it and go on. */
export class Dead extends Error {}

export interface Life {
  /** Before each use of a port. Throws Dead once it is over. */
  use(): void;
  /** After each change. */
  changed(): void;
  readonly changes: number;
  readonly isOver: boolean;
}

export interface End {
  /** Dead after so many changes; 0: before the first. */
  readonly diesAfter?: number;
  /** After so many changes `raise` is called, once. */
  readonly raisesAfter?: number;
  readonly raise?: () => void;
}

export function newLife(end: End = {}): Life {
  let changes = 0;
  const isOver = (): boolean => changes >= (end.diesAfter ?? Number.POSITIVE_INFINITY);
  return {
    use() {
      if (isOver()) throw new Dead('the process is dead');
    },
    changed() {
      changes++;
      if (changes === end.raisesAfter) end.raise?.();
    },
    get changes() {
      return changes;
    },
    get isOver() {
      return isOver();
    },
  };
}

/** What changes something at each port. A script may do several things: it is one change, and one that only reads is none. */
const shellChanges = new Set(['replaceFile', 'replaceFiles', 'replaceLink', 'removeFile']);
const kubeChanges = new Set(['create', 'replace', 'patch', 'jsonPatch', 'remove', 'approve', 'evict']);
/** A leaf that is signed changes nothing until it is used: proofs ask for one each time. */
const issuerChanges = new Set(['generateCa', 'destroyCa']);
const writingScript = /(^|[\s;&|({])(mv|rm|rmdir|cp|ln|mkdir|mktemp|chmod|chown|truncate|kill|tar|systemctl\s+((re)?start|stop|kill))\s/m;

/** The same site, whose ports belong to this life. */
export function siteInLife(site: Site, life: Life): Site {
  const never = (): boolean => false;
  const shellOf = (shell: NodeShell): NodeShell =>
    through(shell, life, (method, [script]) => shellChanges.has(method) || ((method === 'run' || method === 'must') && writingScript.test(String(script))));
  const kubeOf = (kube: Kube): Kube => through(kube, life, (method) => kubeChanges.has(method), { at: (server: string) => kubeOf(kube.at(server)) });
  return {
    ...site,
    shell: shellOf(site.shell),
    shells: { to: (node) => shellOf(site.shells.to(node)), close: () => site.shells.close() },
    access: through(site.access, life, never, { kube: () => kubeOf(site.access.kube()) }),
    roleIssuer: async (roles) => through(await site.roleIssuer(roles), life, (method) => issuerChanges.has(method)),
    issuer: through(site.issuer, life, (method) => issuerChanges.has(method)),
    tls: through(site.tls, life, never),
    artefacts: through(site.artefacts, life, (method) => method === 'put'),
    checkpoints: through(site.checkpoints, life, (method) => method === 'saveBlob'),
    async wait(ms) {
      life.use();
      await site.wait(ms);
      life.use();
    },
    async observe() {
      life.use();
      return site.observe();
    },
  };
}

type Method = (...args: unknown[]) => unknown;

/** A port whose methods ask the life before, and tell it after what was a change. */
function through<Port extends object>(port: Port, life: Life, isChange: (method: string, args: readonly unknown[]) => boolean, instead: Partial<Port> = {}): Port {
  return new Proxy(port, {
    get(_, name) {
      const value: unknown = Reflect.get(port, name, port);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        life.use();
        const result = ((instead as Record<string | symbol, Method | undefined>)[name] ?? (value as Method)).apply(port, args);
        if (!isChange(String(name), args)) return result;
        if (result instanceof Promise) return result.then(told);
        return told(result);
      };
    },
  });

  function told<Answer>(answer: Answer): Answer {
    life.changed();
    return answer;
  }
}
