/** await-volumes: what kube-controller-manager has published has come into the volumes of the pods of a node, where their programs read it. */

import { z } from 'zod';
import { recordsOf } from '../../domain/pki/certificate.js';
import { readsOnly } from '../../operations/reads-only.js';
import { caPem, fingerprintOf } from '../../operations/trust-bundles.js';
import { trusts } from '../../operations/trust-params.js';
import { limitsOf, waitFor } from '../../operations/waiting.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({ trusts });

type Params = z.infer<typeof params>;

export const awaitVolumes: StepKind<Params> = {
  name: 'await-volumes',
  targets: 'nodes',
  params,
  // Kubelets write their volumes by themselves, forward and back: all is in verify.
  ...readsOnly,

  async inspect(site, p) {
    return (await behind(site, p)).length === 0 ? 'present' : 'absent';
  },

  verify(site, p) {
    return waitFor(
      site,
      {
        what: `every ca.crt that the kubelet of ${site.target} has mounted into a pod holds: ${p.trusts.join(' + ')}`,
        rule: 'V: the kubelet writes volumes anew 60 to 90 s after the object has changed',
        everyMs: 2000,
        otherwise: { code: 'trust-not-loaded', nextAction: `Look at "journalctl -u kubelet" on ${site.target} for the volume that is named, then run "rotate-ca resume".` },
      },
      async () => {
        const late = await behind(site, p);
        return late.length === 0 ? true : `${late.length} volumes are behind, ${late[0] ?? ''} for one`;
      },
    );
  },
};

/** One look at all pods: a hash for each file, and each content once. */
const script = `
cd /var/lib/kubelet/pods 2>/dev/null || exit 0
set -- */volumes/kubernetes.io~projected/*/ca.crt */volumes/kubernetes.io~secret/*/ca.crt
sums=$(sha256sum -- "$@" 2>/dev/null)
printf '%s\\n' "$sums" | sed -n 's/^/H /p'
printf '%s\\n' "$sums" | awk 'NF>1 && !seen[$1]++{print $1, $2}' | while read -r sum file; do echo "C $sum $(base64 -w0 < "$file" 2>/dev/null)"; done
true`;

/** Mounted files that hold a CA of this run, but not just those that are wanted. A bundle of something else is none of our business. */
async function behind(site: Site, p: Params): Promise<string[]> {
  const ours = new Map((['outgoing', 'incoming'] as const).map((name) => [fingerprintOf(caPem(site, name)), name]));
  const { files, contents } = parseVolumes(await site.shell.must(script, limitsOf(site, 30_000)));
  const isBehind = new Map(
    [...contents].map(([sum, text]) => {
      const held = new Set(recordsOf(text).flatMap((c) => ours.get(c.fingerprint) ?? []));
      return [sum, held.size > 0 && !(held.size === p.trusts.length && p.trusts.every((name) => held.has(name)))] as const;
    }),
  );
  const late = files.filter(({ sum }) => isBehind.get(sum) === true);
  if (late.length === 0) return [];
  const alive = await podsAlive(site);
  return late.filter(({ path }) => alive.has(path.split('/')[0] ?? '')).map(({ path }) => `/var/lib/kubelet/pods/${path}`);
}

/** UIDs of the node's pods that run or will: folders of others are leftovers that nobody reads and no kubelet renews. */
async function podsAlive(site: Site): Promise<Set<string>> {
  const options = limitsOf(site, 10_000);
  const pods = await site.access.kube().list({ apiVersion: 'v1', kind: 'Pod', fieldSelector: `spec.nodeName=${site.target}` }, options);
  return new Set(pods.flatMap((pod) => (/Succeeded|Failed/.test((pod.status as { phase?: string } | undefined)?.phase ?? '') ? [] : [pod.metadata.uid ?? ''])));
}

/** `H SHA256  PATH` for each file, `C SHA256 BASE64` for each content. A file that went away in between has no content, and its pod neither. */
export function parseVolumes(output: string): { files: { sum: string; path: string }[]; contents: Map<string, string> } {
  const files: { sum: string; path: string }[] = [];
  const contents = new Map<string, string>();
  for (const line of output.split('\n')) {
    const file = /^H ([0-9a-f]{64}) [ *](.+)$/.exec(line);
    if (file !== null) files.push({ sum: file[1] ?? '', path: file[2] ?? '' });
    const content = /^C ([0-9a-f]{64}) (\S+)$/.exec(line);
    if (content !== null) contents.set(content[1] ?? '', Buffer.from(content[2] ?? '', 'base64').toString('utf8'));
  }
  return { files, contents };
}
