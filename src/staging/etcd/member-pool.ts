/** An API server that is told several members: as long as one of them serves it, it is served (etcd client/v3, its balancer goes on to those that answer). */

import type { MemberConnection } from './member-connection.js';

/** `connections` is not empty. */
export function poolMembers(connections: readonly MemberConnection[]): MemberConnection {
  return {
    get healthy() {
      return connections.some(({ healthy }) => healthy);
    },
    get why() {
      return connections.find(({ healthy }) => !healthy)?.why ?? '';
    },
    async wait(realMs) {
      // The first that is healthy, or all in vain.
      const waiting = connections.map(async (one) => {
        if (!(await one.wait(realMs))) throw new Error(one.why);
      });
      return Promise.any(waiting).then(
        () => true,
        () => false,
      );
    },
    stop() {
      for (const one of connections) one.stop();
    },
  };
}
