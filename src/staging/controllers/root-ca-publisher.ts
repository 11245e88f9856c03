/** rootcacertpublisher: kube-root-ca.crt in every namespace is what --root-ca-file was at process start (k/k pkg/controller/certificates/rootcacertpublisher/publisher.go). */

import { timings } from '../timings.js';
import type { ControllerWorld } from './controller-world.js';
import { ApiRefusal } from './kube-calls.js';

const name = 'kube-root-ca.crt';
const annotations = {
  'kubernetes.io/description':
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
};

export function publishRootCa(world: ControllerWorld): void {
  const { kube, rootCa } = world;
  if (rootCa === undefined) return;
  const namespaces = world.cache('Namespace');
  const maps = world.cache('ConfigMap');
  const wanted = JSON.stringify({ 'ca.crt': rootCa });

  const queue = world.queue(
    'root-ca-certificate-publisher',
    async (namespace) => {
      const owner = namespaces.get(undefined, namespace);
      if (owner === undefined || owner.metadata.deletionTimestamp !== undefined) return false;
      const found = maps.get(namespace, name);
      if (found === undefined) {
        try {
          maps.remember(await kube.create('ConfigMap', { namespace }, { metadata: { name, namespace, annotations }, data: { 'ca.crt': rootCa } }));
        } catch (error) {
          // Made by another term in between: its event brings this key again.
          if (!(error instanceof ApiRefusal && error.status === 409)) throw error;
        }
        return true;
      }
      const isAnnotated = Object.entries(annotations).every(([key, value]) => found.metadata.annotations?.[key] === value);
      if (JSON.stringify(found.data ?? {}) === wanted && isAnnotated) return false;
      const metadata = { ...found.metadata, annotations: { ...found.metadata.annotations, ...annotations } };
      maps.remember(await kube.replace('ConfigMap', { namespace, name }, { ...found, metadata, data: { 'ca.crt': rootCa } }));
      return true;
    },
    { pauseMs: timings.publishEveryMs },
  );

  namespaces.onChange((type, object) => {
    if (type !== 'DELETED' && maps.isSynced) queue.add(object.metadata.name);
  });
  maps.onChange((type, object) => {
    if (object.metadata.name === name && maps.isSynced && type !== 'ADDED') queue.add(object.metadata.namespace ?? '');
  });
  maps.onSynced(() => namespaces.onSynced(() => namespaces.list().forEach((object) => void queue.add(object.metadata.name))));
}
