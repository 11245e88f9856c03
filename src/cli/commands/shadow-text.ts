/** Who would fail without the outgoing CA, in words. */

import type { Holder, Shadow } from '../../domain/trust/holders.js';

export function shadowText({ holders, goOn, unseen }: Shadow, run: string): string {
  const asked = holders.filter(({ asksAck }) => asksAck);
  const blind = unseen.map(({ place, why }) => `  Not seen: ${place}: ${why}`);
  if (holders.length === 0) {
    const nobody = unseen.length === 0 ? 'Nobody who is seen would fail without the outgoing CA' : 'Of what can be seen nobody would fail without the outgoing CA';
    return [`${nobody} (${goOn} client certificates are in use and go on).`, ...blind].join('\n');
  }
  return [
    `Without the outgoing CA these would fail (${goOn} other client certificates are in use and go on):`,
    ...holders.flatMap(linesOf),
    ...blind,
    ...(asked.length === 0 ? [] : [`  What to hand over: rotate-ca handoff ${run} --out DIR; then record each: rotate-ca handoff ${run} --ack HOLDER`]),
  ].join('\n');
}

function linesOf({ id, why, nextAction, userAgents, addresses, lastSeenMs, asksAck, isAcknowledged }: Holder): string[] {
  const seen = [
    ...(addresses.length === 0 ? [] : [`from ${addresses.join(', ')}`]),
    ...(userAgents.length === 0 ? [] : [`with ${userAgents.join(', ')}`]),
    ...(lastSeenMs === undefined ? [] : [`last seen ${new Date(lastSeenMs).toISOString()}`]),
  ];
  const mark = !asksAck ? '' : isAcknowledged === true ? ' [acknowledged]' : ' [not acknowledged]';
  return [`  ${id}${mark}: ${why}`, ...(seen.length === 0 ? [] : [`      ${seen.join('; ')}`]), `      ${nextAction}`];
}
