/** What can be broken in a rehearsal: each fault with its name, what it means, where it can strike, and the switches of staging that it is made of. */

import type { FaultSetting } from '../../staging/messages.js';
import { type Footprint, nodesAsked, nodesWithChanges, nodesWithKubeletStarts } from './footprint.js';

/** `begin`: as the first phase of the step begins. `applying`, `applied`: as soon as the journal says so of the target. */
export type Moment = 'begin' | 'applying' | 'applied';

/** What a case draws for itself; each number from 0 to below 1. */
export interface Draw {
  number(purpose: string): number;
}

export interface Struck {
  /** Name of a node, or 'cluster'. */
  readonly place: string;
  readonly moment: Moment;
  readonly draw: Draw;
  /** A file of the place that the step changes, with its content before. */
  readonly file?: { readonly path: string; readonly before: string };
}

export interface FaultKind {
  readonly name: string;
  /** One line for people. */
  readonly what: string;
  /** `engine`: not the cluster is broken but rotate-ca itself. */
  readonly side: 'cluster' | 'engine';
  /** Where it can strike in a step of this footprint; empty: the step is untouched by it. */
  places(footprint: Footprint): readonly string[];
  /** Why a step without places is untouched. */
  readonly untouched: string;
  readonly moments: readonly Moment[];
  /** `event`: it happens once. `state`: it lasts until it is taken away. */
  readonly lasts: 'event' | 'state';
  /** It takes an API server away by itself: requests fail as long as it lasts. */
  isOutage(footprint: Footprint, place: string): boolean;
  /** After it nodes must be heard of again before anybody goes on. */
  readonly isHeavy: boolean;
  set(struck: Struck): readonly FaultSetting[];
  /** Beside taking all switches back: what an operator mends. */
  mend?(struck: Struck): readonly FaultSetting[];
  /** Also where the step has come to its end all the same. */
  readonly isAlwaysMended?: boolean;
}

const between = (draw: Draw, purpose: string, low: number, high: number): number => Math.round(low + draw.number(purpose) * (high - low));
const never = (): boolean => false;
const always = (): boolean => true;
const isControlPlane = ({ controlPlanes }: Footprint, place: string): boolean => controlPlanes.includes(place);
const everywhere = ({ nodes }: Footprint): readonly string[] => nodes;
const atControlPlanes = ({ controlPlanes }: Footprint): readonly string[] => controlPlanes;
const atCluster = (): readonly string[] => ['cluster'];
const anyMoment: readonly Moment[] = ['begin', 'applying'];

const noCommand = 'no command runs on a node in this step';
const touchesAll = 'it touches every step';

const joiner = 'joiner';

type Given = Pick<FaultKind, 'name' | 'what' | 'set'> & Partial<FaultKind>;

/** What most of them have in common. */
const fault = (given: Given & Pick<FaultKind, 'places' | 'untouched'>): FaultKind => ({
  side: 'cluster',
  moments: anyMoment,
  lasts: 'state',
  isOutage: never,
  isHeavy: false,
  ...given,
});

const onNodesAsked = (given: Given): FaultKind => fault({ places: nodesAsked, untouched: noCommand, ...given });

const ofVault = (name: string, what: string, value: 'sealed' | 'expired' | 'denied'): FaultKind =>
  fault({
    name,
    what,
    places: (footprint) => (footprint.vaultCalls > 0 ? ['cluster'] : []),
    untouched: 'Vault is not asked in this step',
    lasts: value === 'expired' ? 'event' : 'state',
    set: () => [{ table: 'vault', value }],
  });

const ofApi = (name: string, what: string, set: FaultKind['set']): FaultKind =>
  fault({ name, what, places: atControlPlanes, untouched: touchesAll, isOutage: always, isHeavy: true, set });

const ofEngine = (name: string, what: string): FaultKind =>
  fault({ name, what, side: 'engine', places: atCluster, untouched: touchesAll, moments: ['begin'], lasts: 'event', set: () => [] });

export const faultKinds: readonly FaultKind[] = [
  onNodesAsked({ name: 'connection-refused', what: 'sshd of a node takes no new connections', set: ({ place }) => [{ table: 'ssh', node: place, value: { kind: 'refused' } }] }),
  onNodesAsked({
    name: 'connection-hang',
    what: 'connections to a node stand still: nothing comes, nothing ends',
    set: ({ place }) => [{ table: 'ssh', node: place, value: { kind: 'hang' } }],
  }),
  onNodesAsked({
    name: 'connection-cut',
    what: 'each connection to a node is cut after some thousand bytes',
    set: ({ place, draw }) => [{ table: 'ssh', node: place, value: { kind: 'cut', afterBytes: between(draw, 'bytes', 100, 20_000) } }],
  }),
  onNodesAsked({
    name: 'host-key-changed',
    what: 'a node shows another host key than known_hosts has',
    set: ({ place }) => [{ table: 'ssh', node: place, value: { kind: 'other-host-key' } }],
  }),
  onNodesAsked({ name: 'sudo-withdrawn', what: 'sudo asks the SSH user for a password', set: ({ place }) => [{ table: 'ssh', node: place, value: { kind: 'no-sudo' } }] }),
  onNodesAsked({ name: 'disk-full', what: 'no file of a node can grow', set: ({ place }) => [{ table: 'files', node: place, value: 'disk-full' }] }),
  onNodesAsked({ name: 'read-only-file-system', what: 'no file of a node can be changed', set: ({ place }) => [{ table: 'files', node: place, value: 'read-only' }] }),
  onNodesAsked({
    name: 'key-permission-lost',
    what: 'key files of a node can be neither read nor replaced, not even by root',
    set: ({ place }) => [{ table: 'files', node: place, value: 'keys-barred' }],
  }),
  onNodesAsked({
    name: 'clock-skew',
    what: 'the clock of a node is wrong by minutes or hours',
    places: everywhere,
    untouched: touchesAll,
    isOutage: isControlPlane,
    isHeavy: true,
    set: ({ place, draw }) => [{ table: 'skew', node: place, value: (draw.number('ahead') < 0.5 ? -1 : 1) * between(draw, 'skew', 3 * 60_000, 4 * 3_600_000) }],
  }),
  onNodesAsked({
    name: 'node-powered-off',
    what: 'a node loses its power, and has it again later',
    places: everywhere,
    untouched: touchesAll,
    isOutage: isControlPlane,
    isHeavy: true,
    set: ({ place }) => [{ table: 'power', node: place, value: 'off' }],
  }),
  onNodesAsked({
    name: 'kubelet-does-not-return',
    what: 'a kubelet ends right after each start',
    places: nodesWithKubeletStarts,
    untouched: 'no kubelet is started in this step',
    isHeavy: true,
    set: ({ place }) => [{ table: 'kubelets', node: place, value: true }],
  }),
  onNodesAsked({
    name: 'etcd-member-does-not-rejoin',
    what: 'an etcd member ends, and ends again at each start',
    places: atControlPlanes,
    untouched: touchesAll,
    isOutage: always,
    isHeavy: true,
    set: ({ place }) => [
      { table: 'etcd', node: place, value: true },
      { table: 'crash', node: place, value: 'etcd' },
    ],
  }),
  ofApi('api-500', 'a kube-apiserver answers requests with 500', ({ place, draw }) => [
    { table: 'api', node: place, value: { kind: 'status', status: 500, share: draw.number('share') < 0.5 ? 0.3 : 1 } },
  ]),
  ofApi('api-429', 'a kube-apiserver turns requests away with 429', ({ place, draw }) => [
    { table: 'api', node: place, value: { kind: 'status', status: 429, share: draw.number('share') < 0.5 ? 0.3 : 1 } },
  ]),
  ofApi('api-timeouts', 'a kube-apiserver takes requests and does not answer', ({ place }) => [{ table: 'api', node: place, value: { kind: 'timeout' } }]),
  fault({
    name: 'webhook-fails-closed',
    what: 'an admission webhook with failurePolicy Fail has nobody behind it',
    places: (footprint) => (footprint.writes > 0 ? ['cluster'] : []),
    untouched: 'nobody writes ConfigMaps, Secrets, workloads or certificate requests in this step',
    set: () => [{ table: 'webhook', value: true }],
  }),
  ofVault('vault-sealed', 'Vault is sealed', 'sealed'),
  ofVault('vault-token-expired', 'the Vault token in use has expired', 'expired'),
  ofVault('vault-permission-denied', 'policies of Vault no longer grant the PKI mount', 'denied'),
  onNodesAsked({
    name: 'file-edited-by-another-hand',
    what: 'a file that the step changes is edited before, or put back afterwards',
    places: nodesWithChanges,
    untouched: 'no file of a node is changed in this step',
    moments: ['begin', 'applied'],
    lasts: 'event',
    set: ({ place, moment, file }) =>
      file === undefined ? [] : [{ table: 'file', node: place, path: file.path, value: moment === 'begin' ? { append: '# edited by hand\n' } : { from: file.before } }],
    mend: ({ place, moment, file }) => (file === undefined || moment !== 'begin' ? [] : [{ table: 'file', node: place, path: file.path, value: { from: file.before } }]),
  }),
  fault({
    name: 'node-joins',
    what: 'a worker that the plan does not know joins the cluster',
    places: atCluster,
    untouched: touchesAll,
    lasts: 'event',
    set: () => [{ table: 'join', node: joiner, value: true }],
    mend: () => [{ table: 'join', node: joiner }],
    isAlwaysMended: true,
  }),
  ofEngine('engine-killed', 'rotate-ca is killed (SIGKILL) right after it has written a fact'),
  ofEngine('engine-stopped', 'rotate-ca is stopped (SIGSTOP) for minutes, and continued'),
];

export function faultKind(name: string): FaultKind {
  const found = faultKinds.find((kind) => kind.name === name);
  if (found === undefined) throw new Error(`there is no fault "${name}"`);
  return found;
}
