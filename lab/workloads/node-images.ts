import { readFileSync } from 'node:fs';
import type { Lab } from '../lab.js';
import type { Report } from './build.js';

/** An image as the cluster names it, and the archive that nodes import. */
export interface NodeImage {
  readonly reference: string;
  readonly archive: string;
}

/** Imports into each node the images that it does not have: nodes made before an image was built lack it. */
export async function importImages(lab: Lab, images: readonly NodeImage[], report: Report): Promise<void> {
  for (const node of lab.nodes) {
    const listing = await lab.onNode(node.name, 'sudo ctr -n k8s.io images ls -q');
    const present = new Set(listing.stdout.split('\n'));
    for (const image of images) {
      if (present.has(image.reference)) continue;
      report(`importing ${image.reference} into ${node.name}`);
      await lab.onNode(node.name, 'sudo ctr -n k8s.io images import -', { input: readFileSync(image.archive), timeoutMs: 600_000 });
    }
  }
}
