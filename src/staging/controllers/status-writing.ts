/** Writes the status of an object if it says something new. */

import type { StoredObject } from '../api/store.js';
import { canonical } from '../kubelet/static-manifest.js';
import type { ControllerWorld } from './controller-world.js';

/** True if it wrote. Fields of before that are not given stay. */
export async function writeStatus(world: ControllerWorld, object: StoredObject, status: Readonly<Record<string, unknown>>): Promise<boolean> {
  const was = (object.status ?? {}) as Readonly<Record<string, unknown>>;
  if (Object.entries(status).every(([key, value]) => canonical(was[key]) === canonical(value))) return false;
  const { namespace, name } = object.metadata;
  world.cache(object.kind).remember(await world.kube.patch(object.kind, { namespace, name, subresource: 'status' }, { status }));
  return true;
}
