/** Writes to the API: on which conditions they are done, and what they leave alone. */

import type { KubeObject } from '../../../src/ports/kube.js';
import type { Behaviour } from '../behaviour.js';
import { dataOf, scratchNamespace } from '../scratch.js';
import { callMs } from '../world.js';

export const writes: readonly Behaviour[] = [
  {
    id: 'writes-are-conditional',
    rule: 'ports/kube: replace with a resourceVersion is refused after another write; patch of what is the same writes nothing',
    title: 'A replacement of an object that has changed is a conflict; a patch that changes nothing leaves the resourceVersion; a merge patch with null removes',
    area: 'workloads',
    disturbs: 'restores-itself',
    expected: { conflict: '409 Conflict', sameVersion: true, removedKey: true, createdTwice: '409 AlreadyExists', missing: '404 NotFound', dryRun: 'not written' },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'fidelity' };
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      const object: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: ref.name, namespace }, data: { a: '1', b: '2' } };
      const first = await world.kube.create(object, { deadlineMs: callMs });
      const same = await world.kube.patch(ref, { data: { a: '1' } }, { deadlineMs: callMs });
      await world.kube.patch(ref, { data: { b: null } }, { deadlineMs: callMs });
      const reason = async (answer: Promise<{ status: number; body: string }>): Promise<string> => {
        const { status, body } = await answer;
        return `${status} ${(JSON.parse(body) as { reason?: string }).reason ?? ''}`;
      };
      await world.kube.call('POST', `${path}?dryRun=All`, { ...object, metadata: { name: 'dry', namespace } }, { deadlineMs: callMs });
      return {
        conflict: await reason(world.kube.call('PUT', `${path}/${ref.name}`, first, { deadlineMs: callMs })),
        sameVersion: same.metadata.resourceVersion === first.metadata.resourceVersion,
        removedKey: !('b' in (await dataOf(world, ref))),
        createdTwice: await reason(world.kube.call('POST', path, object, { deadlineMs: callMs })),
        missing: await reason(world.kube.get(`${path}/missing`, { deadlineMs: callMs })),
        dryRun: (await world.kube.read({ ...ref, name: 'dry' }, { deadlineMs: callMs })) === undefined ? 'not written' : 'written',
      };
    },
  },
];
