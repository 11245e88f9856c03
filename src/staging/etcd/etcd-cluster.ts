/** What the members of one etcd know together: who is a member, who leads. Their connections decide; the data is the store. */

import { createHash } from 'node:crypto';
import type { StagingContext } from '../component.js';

/** What a member says of itself to whoever is connected: the answer of `endpoint status` and more. */
export interface MemberState {
  readonly memberId: string;
  readonly clusterId: string;
  readonly name: string;
  readonly version: string;
  readonly quorum: boolean;
  /** Hex; "0" while there is none. */
  readonly leader: string;
  readonly term: number;
  readonly revision: number;
}

export interface Member {
  readonly name: string;
  /** Names of the members that it has a connection with, in either direction. */
  readonly peers: ReadonlySet<string>;
  /** Its quorum or leader may have changed. */
  changed(): void;
}

export interface EtcdCluster {
  join(member: Member): void;
  leave(member: Member): void;
  /** A connection between members came or went. */
  linksChanged(): void;
  stateOf(name: string): MemberState;
}

export const etcdVersion = '3.6.5';

/** Raft: heartbeat 100 ms, election timeout 1 s. */
const electionMs = 1_000;

const clusters = new WeakMap<StagingContext, EtcdCluster>();

export function etcdClusterOf(context: StagingContext): EtcdCluster {
  const found = clusters.get(context);
  if (found !== undefined) return found;
  const made = makeCluster(context);
  clusters.set(context, made);
  return made;
}

/** The members by their data: all control planes of the cluster, running or not. */
export function memberNodes(context: StagingContext): { readonly name: string; readonly address: string }[] {
  return context
    .nodes()
    .filter((node) => context.specOf(node.name).roles.includes('control-plane'))
    .map(({ name, address }) => ({ name, address }));
}

/** Sixteen hex digits, as member and cluster ids are printed. */
export function idOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function makeCluster(context: StagingContext): EtcdCluster {
  const running = new Map<string, Member>();
  let leader: string | undefined;
  let term = 1;
  let electing: (() => void) | undefined;

  function hasMajority(name: string): boolean {
    const member = running.get(name);
    if (member === undefined) return false;
    const reached = [...member.peers].filter((peer) => running.has(peer)).length;
    return (reached + 1) * 2 > memberNodes(context).length;
  }

  function tellAll(): void {
    for (const member of running.values()) member.changed();
  }

  function elect(): void {
    electing = undefined;
    if (leader !== undefined && hasMajority(leader)) return;
    leader = [...running.keys()].sort().find(hasMajority);
    if (leader === undefined) return;
    term += 1;
    tellAll();
  }

  function linksChanged(): void {
    if (leader !== undefined && !hasMajority(leader)) leader = undefined;
    // Alone in its cluster a member leads at once.
    if (leader === undefined && memberNodes(context).length === 1) elect();
    else if (leader === undefined && electing === undefined) electing = context.clock.after(electionMs, elect);
    tellAll();
  }

  return {
    join(member) {
      running.set(member.name, member);
      linksChanged();
    },
    leave(member) {
      if (running.get(member.name) === member) running.delete(member.name);
      linksChanged();
    },
    linksChanged,
    stateOf(name) {
      const reachesLeader = leader !== undefined && (name === leader || (running.get(name)?.peers.has(leader) ?? false));
      return {
        memberId: idOf(`${context.spec.uid} ${name}`),
        clusterId: idOf(context.spec.uid),
        name,
        version: etcdVersion,
        quorum: reachesLeader && hasMajority(name),
        leader: reachesLeader ? idOf(`${context.spec.uid} ${leader ?? ''}`) : '0',
        term,
        revision: context.store.revision,
      };
    },
  };
}
