/** serviceaccount-controller: every namespace has an account "default" (k/k pkg/controller/serviceaccount/serviceaccounts_controller.go). */

import type { ControllerWorld } from './controller-world.js';
import { ApiRefusal } from './kube-calls.js';

export function keepDefaultAccounts(world: ControllerWorld): void {
  const namespaces = world.cache('Namespace');
  const accounts = world.cache('ServiceAccount');
  const queue = world.queue('serviceaccount-controller', async (namespace) => {
    const owner = namespaces.get(undefined, namespace);
    if (owner === undefined || owner.metadata.deletionTimestamp !== undefined || accounts.get(namespace, 'default') !== undefined) return false;
    try {
      accounts.remember(await world.kube.create('ServiceAccount', { namespace }, { metadata: { name: 'default', namespace } }));
    } catch (error) {
      if (!(error instanceof ApiRefusal && error.status === 409)) throw error;
    }
    return true;
  });
  namespaces.onChange((type, object) => {
    if (type !== 'DELETED' && accounts.isSynced) queue.add(object.metadata.name);
  });
  accounts.onChange((type, object) => {
    if (type === 'DELETED' && object.metadata.name === 'default') queue.add(object.metadata.namespace ?? '');
  });
  accounts.onSynced(() => namespaces.onSynced(() => namespaces.list().forEach((object) => void queue.add(object.metadata.name))));
}
