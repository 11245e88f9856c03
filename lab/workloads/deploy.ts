import { waitFor } from '../deadline.js';
import type { Lab } from '../lab.js';
import { buildWorkloads, type Report } from './build.js';
import { startExternalClient } from './external-client.js';
import { applyObjects, getJson } from './kube-objects.js';
import { foundation, legacyTokenSecret, namespace, podCount, programs } from './manifests.js';
import { importImages } from './node-images.js';
import { createTokenSecrets, type TokenSecretWish } from './token-secrets.js';

export interface DeployOptions {
  /** Legacy token Secrets beside the one that the external client uses. */
  readonly tokenSecrets?: TokenSecretWish;
  readonly readyTimeoutMs?: number;
  readonly report?: Report;
}

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
    readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

/** Puts everything into the cluster that feels a rotation, and waits until it runs. A second call changes nothing. */
export async function deployWorkloads(lab: Lab, options: DeployOptions = {}): Promise<void> {
  const report = options.report ?? (() => undefined);
  const images = await buildWorkloads(lab, report);
  await importImages(lab, images, report);
  await applyObjects(lab, foundation());
  await applyObjects(lab, [legacyTokenSecret(), ...programs(images, { onControlPlanes: lab.workers.length === 0 })]);
  await createTokenSecrets(lab, options.tokenSecrets ?? { count: 30 });
  await waitForWorkloads(lab, options.readyTimeoutMs ?? 600_000);
  await startExternalClient(lab);
}

/** Waits until each pod of the workloads is Ready. */
export async function waitForWorkloads(lab: Lab, timeoutMs: number): Promise<void> {
  await waitFor(`the pods of namespace ${namespace}`, { timeoutMs, everyMs: 500 }, async () => {
    const { items } = await getJson<PodList>(lab, ['-n', namespace, 'pods', '-l', 'felt=program']);
    const staying = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const unready = staying.filter(({ status }) => !(status.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True'));
    if (staying.length >= podCount && unready.length === 0) return true;
    return `${staying.length} of ${podCount} there, not Ready: ${unready.map(({ metadata }) => metadata.name).join(', ')}`;
  });
}
