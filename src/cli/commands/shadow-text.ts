/** Who would fail without the outgoing CA, in words. */

import type { Peer } from '../../domain/trust/connection.js';
import type { EndedCredential, Holder, Shadow } from '../../domain/trust/holders.js';

export function shadowText({ holders, goOn, ended, peers, unseen }: Shadow, run: string): string {
  const asked = holders.filter(({ asksAck }) => asksAck);
  const blind = [...endedText(ended), ...connected(peers), ...unseen.map(({ place, why }) => `  Not seen: ${place}: ${why}`)];
  if (holders.length === 0) {
    const nobody = unseen.length === 0 ? 'Nobody who is seen would fail without the outgoing CA' : 'Of what can be seen nobody would fail without the outgoing CA';
    return [`${nobody} (${goOn} client certificates are in use and go on).`, ...blind].join('\n');
  }
  return [
    `Without the outgoing CA these would fail, or may (${goOn} other client certificates are in use and go on):`,
    ...holders.flatMap(linesOf),
    ...blind,
    ...(asked.length === 0 ? [] : [`  What to hand over: rotate-ca handoff ${run} --out DIR; then record each: rotate-ca handoff ${run} --ack HOLDER`]),
  ].join('\n');
}

/** They ask for nothing; who looks for one of them finds it. */
function endedText(ended: readonly EndedCredential[]): string[] {
  if (ended.length === 0) return [];
  const newest = ended.toSorted((a, b) => b.lastSeenMs - a.lastSeenMs).slice(0, 3);
  const named = newest.map(({ id, lastSeenMs }) => `${id}, last used at ${new Date(lastSeenMs).toISOString()}`);
  return [`  Accepted by nobody any more (expired, or of a CA that is not trusted now): ${ended.length}: ${named.join('; ')}${ended.length > named.length ? '; ...' : ''}`];
}

/** By kind, and each from outside with whom audit logs have seen there. */
function connected(peers: readonly Peer[]): string[] {
  if (peers.length === 0) return [];
  const kinds = (['node', 'pod', 'load balancer', 'rotate-ca'] as const).flatMap((kind) => {
    const count = peers.filter((peer) => peer.kind === kind).length;
    return count === 0 ? [] : [kind === 'rotate-ca' ? 'rotate-ca itself' : `${count} ${kind}${count === 1 ? '' : 's'}`];
  });
  const outside = peers.filter(({ kind }) => kind === 'outside').map(({ address, users }) => `${address} (${users.join(', ') || 'unknown'})`);
  return [`  Connected to the API servers now: ${[...kinds, ...(outside.length === 0 ? [] : [`from outside ${outside.join(', ')}`])].join(', ')}.`];
}

function linesOf({ id, why, nextAction, userAgents, addresses, lastSeenMs, asksAck, isAcknowledged }: Holder): string[] {
  const seen = [
    ...(addresses.length === 0 ? [] : [`from ${addresses.join(', ')}`]),
    ...(userAgents.every((agent) => agent === '') ? [] : [`with ${userAgents.filter((agent) => agent !== '').join(', ')}`]),
    ...(lastSeenMs === undefined ? [] : [`last seen ${new Date(lastSeenMs).toISOString()}`]),
  ];
  const mark = !asksAck ? '' : isAcknowledged === true ? ' [acknowledged]' : ' [not acknowledged]';
  return [`  ${id}${mark}: ${why}`, ...(seen.length === 0 ? [] : [`      ${seen.join('; ')}`]), `      ${nextAction}`];
}
