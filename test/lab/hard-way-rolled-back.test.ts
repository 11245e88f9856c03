/** A cutover taken back twice on the same cluster: from its middle, before any token is another, and after all tokens are. Both times all is as before. */

import { beforeAll, describe, expect, it } from 'vitest';
import { waitUntilReady } from '../../lab/cluster/readiness.js';
import type { Lab } from '../../lab/lab.js';
import { describeAway, secondsAway } from '../../lab/tests/api-outage.js';
import { lostOf, nothingLost } from '../../lab/tests/application-client.js';
import { type CutoverSeen, describeApplications, limitAwaySeconds, playbookWithGates, watchCutover } from '../../lab/tests/cutover.js';
import { type FeltNow, feltNow } from '../../lab/tests/felt-now.js';
import { freshLab } from '../../lab/tests/fresh-lab.js';
import { issuersInVault } from '../../lab/tests/incoming-ca.js';
import { answersTo, legacyTokens } from '../../lab/tests/legacy-tokens.js';
import { changesOf, type Manifest, manifestsOf } from '../../lab/tests/manifest.js';
import { atMilestones } from '../../lab/tests/milestones.js';
import { asRoot, onEach } from '../../lab/tests/node-script.js';
import { newOperator, type Operator } from '../../lab/tests/operator.js';
import { type PodLife, podLives, troubleOfPods } from '../../lab/tests/pod-lives.js';
import { allWell, podsOnEveryNode } from '../../lab/tests/pods-on-every-node.js';
import type { Ended } from '../../lab/tests/program.js';

/** Kubelets bring a Secret that is another into the pods within two minutes, and programs read it again every minute. */
const recoverWithinMs = 300_000;

interface Before {
  readonly manifests: ReadonlyMap<string, Manifest>;
  readonly tokens: ReadonlyMap<string, string>;
  readonly pods: readonly PodLife[];
}

/** There and back again. */
interface Way {
  readonly place: string;
  /** Up to each gate. */
  readonly forward: readonly Ended[];
  readonly back: Ended;
  readonly awayThere: ReadonlyMap<string, number>;
  readonly awayBack: ReadonlyMap<string, number>;
  /** What is not as before, by what it is. */
  readonly changed: { readonly files: readonly string[]; readonly tokens: readonly string[]; readonly pods: readonly string[] };
  /** Tokens that were another at the place from which it was taken back. */
  readonly tokensThere: number;
  readonly controllerManagers: ReadonlyMap<string, string>;
  readonly issuers: number;
  readonly felt: FeltNow;
  readonly answers: ReadonlyMap<string, number>;
  readonly newcomers: ReadonlyMap<string, string>;
  readonly seen: CutoverSeen;
}

const gates = { 'start-controller-manager': 'middle', 'narrow-extension-trust': 'after-the-tokens' };
/** The place, and the gates that are passed before it. */
const places: readonly (readonly [string, readonly string[]])[] = [
  ['middle', ['cutover']],
  ['after-the-tokens', ['cutover', 'middle']],
];

let lab: Lab;
let operator: Operator;
let before: Before;

describe('a cutover taken back', () => {
  beforeAll(async () => {
    lab = await freshLab('hard-way');
    operator = await newOperator(lab, 'hard-way-rolled-back');
    before = { manifests: await manifestsOf(lab), tokens: await legacyTokens(lab), pods: await podLives(lab) };
  });

  describe.each(places)('from the place %s', (place, passed) => {
    let way: Way;

    beforeAll(async () => {
      way = await thereAndBack(place, passed);
      report(way);
    });

    it('waited at each gate on the way there, and ends as taken back', () => {
      expect(way.forward.map(({ code, failures }) => ({ code, failures }))).toEqual([...passed, place].map(() => ({ code: 3, failures: [] })));
      expect({ code: way.back.code, failures: way.back.failures }).toEqual({ code: 4, failures: [] });
    });

    it(`takes the API away for at most ${limitAwaySeconds} s on each way`, () => {
      for (const away of [way.awayThere, way.awayBack]) {
        expect([...away.keys()]).toEqual(['fresh lb', 'fresh master1', 'fresh master2', 'fresh master3', 'write lb']);
        expect([...away].filter(([, seconds]) => !(seconds > 0 && seconds <= limitAwaySeconds))).toEqual([]);
      }
    });

    it('has every file of every node as before, byte for byte, with mode and owner, and none more', () => {
      expect(way.changed.files).toEqual([]);
    });

    it('has every token as before, and each lets its holder in at every API server', () => {
      expect(way.tokensThere).toBe(place === 'middle' ? 0 : before.tokens.size);
      expect(way.changed.tokens).toEqual([]);
      expect(way.answers).toEqual(new Map(lab.controlPlanes.map(({ name }) => [`${name} 200`, before.tokens.size])));
    });

    it('has kube-controller-manager run on every control plane', () => {
      expect(way.controllerManagers).toEqual(new Map(lab.controlPlanes.map(({ name }) => [name, 'active'])));
    });

    it('loses no request of a customer of the shop, and no websocket', () => {
      expect(lostOf(way.seen.shop, way.seen.stalls)).toEqual(nothingLost(lab));
    });

    it('has every pod be the same, with no container restarted', () => {
      expect(way.changed.pods).toEqual([]);
    });

    it('has every program get on with the API', () => {
      expect({ unrecovered: way.felt.unrecovered, silent: way.felt.silent }).toEqual({ unrecovered: [], silent: [] });
    });

    it('runs a new pod on each node, with kubectl logs and exec', () => {
      expect(way.newcomers).toEqual(allWell(lab));
    });

    it('has deleted its root in Vault', () => {
      expect(way.issuers).toBe(0);
    });
  });
});

async function thereAndBack(place: string, passed: readonly string[]): Promise<Way> {
  const watch = await watchCutover(lab, `${operator.folder}/${place}`);
  const { file, plan } = await operator.plan(place, { playbook: playbookWithGates(operator.folder, gates) });
  const running = operator.start(['run', file, '--no-input']);
  const clients = atMilestones(running, plan, watch.milestones);
  const forward = [await running.ended];
  await clients.settled();
  for (const gate of passed) forward.push(await operator.run(['approve', place, '--gate', gate, '--no-input']));
  const turnedAtMs = Date.now();
  const back = await operator.run(['rollback', place, '--yes', '--no-input']);
  const seen = await watch.end();
  // The administrator's kubeconfig has stayed as it was: it is good again.
  const tokensThere = countOfNote(forward, /^(\d+) tokens are cleared/);
  await waitUntilReady(lab, 300_000);
  const felt = await feltNow(lab, recoverWithinMs);
  const tokens = await legacyTokens(lab);
  return {
    place,
    forward,
    back,
    awayThere: secondsAway(seen.api, 0, turnedAtMs),
    awayBack: secondsAway(seen.api, turnedAtMs),
    changed: {
      files: changesOf(before.manifests, await manifestsOf(lab)),
      tokens: [...before.tokens].flatMap(([name, token]) => (tokens.get(name) === token ? [] : [name])),
      pods: troubleOfPods(before.pods, await podLives(lab), new Set()),
    },
    tokensThere,
    controllerManagers: await onEach(lab.controlPlanes, async (node) =>
      (await asRoot(lab, node, 'systemctl is-active kube-controller-manager', { allowFailure: true })).stdout.trim(),
    ),
    issuers: (await issuersInVault(lab)).length,
    felt,
    answers: await answersTo(lab, tokens.values()),
    newcomers: await podsOnEveryNode(lab),
    seen,
  };
}

/** The number in what the run said, 0 if it never did. */
function countOfNote(ended: readonly Ended[], pattern: RegExp): number {
  for (const { fact } of ended.flatMap(({ facts }) => facts)) {
    const found = fact.type === 'note' ? pattern.exec(fact.message) : null;
    if (found !== null) return Number(found[1]);
  }
  return 0;
}

function report({ place, forward, back, awayThere, awayBack, changed, tokensThere, felt, seen }: Way): void {
  console.log(
    [
      `${place}: there in ${forward.map(({ seconds }) => `${seconds.toFixed(0)} s`).join(' + ')}, back in ${back.seconds.toFixed(0)} s`,
      `API away on the way there: ${describeAway(awayThere)}`,
      `API away on the way back: ${describeAway(awayBack)} (limit of each ${limitAwaySeconds} s)`,
      describeApplications(seen),
      `not as before: ${changed.files.length} files, ${changed.tokens.length} tokens (${tokensThere} had been cleared), ${changed.pods.length} pods; programs all well ${felt.seconds.toFixed(0)} s after`,
    ].join('\n'),
  );
}
