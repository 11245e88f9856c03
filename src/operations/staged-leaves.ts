/** What of the incoming CA is staged on nodes, read back; and the texts that are staged. */

import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readKubeconfig, withCaData, withClient } from '../domain/cluster/kubeconfig.js';
import type { Material, Place } from '../domain/cluster/material.js';
import { fail } from '../domain/errors.js';
import type { LeafWish } from '../domain/issuing/unfit-role.js';
import { Secret } from '../domain/secret.js';
import type { FileContent } from '../ports/node-shell.js';
import type { Site } from '../ports/step-kind.js';
import { incomingDir } from './incoming-files.js';
import { readSans, readSubject } from './leaf-on-node.js';
import { caPem, fingerprintOf } from './trust-bundles.js';
import { limitsOf } from './waiting.js';

export interface LivePair {
  readonly certificatePem: string;
  readonly key: Secret;
}

const certificateBlock = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\r?\n?/g;

/** Pairs by name of identity, one for each place where both halves are staged. Keys are read into memory and nowhere else. */
export async function stagedPairs(site: Site, material: Material): Promise<Map<string, LivePair[]>> {
  const pairs = new Map<string, LivePair[]>();
  const perNode = await Promise.all(
    site.inventory.nodes.map(async ({ name }) => {
      const places = material.identities.flatMap((identity) => identity.places.filter(({ node }) => node === name).map((place) => ({ identity, place })));
      const paths = [...new Set(places.flatMap(({ place }) => filesOf(place)))].map((path) => `${incomingDir(site)}${path}`);
      const files = paths.length === 0 ? new Map<string, FileContent>() : await site.shells.to(name).readFiles(paths, limitsOf(site, 30_000));
      const text = (path: string): string => Buffer.from(files.get(`${incomingDir(site)}${path}`)?.bytes ?? []).toString('utf8');
      return places.flatMap(({ identity, place }) => {
        const pair = pairIn(place, text);
        return pair === undefined ? [] : [{ name: identity.name, pair }];
      });
    }),
  );
  for (const { name, pair } of perNode.flat()) pairs.set(name, [...(pairs.get(name) ?? []), pair]);
  return pairs;
}

function filesOf(place: Place): string[] {
  return 'kubeconfig' in place ? [place.kubeconfig] : [place.key, place.certificate];
}

function pairIn(place: Place, text: (path: string) => string): LivePair | undefined {
  if ('kubeconfig' in place) {
    const config = text(place.kubeconfig);
    if (config === '') return undefined;
    const { clientCertificatePem, clientKey } = readKubeconfig(config, place.kubeconfig);
    return clientCertificatePem === undefined || clientKey === undefined ? undefined : { certificatePem: firstOf(clientCertificatePem), key: clientKey };
  }
  const [certificate, key] = [text(place.certificate), text(place.key)];
  if (certificate === '' || key === '') return undefined;
  return { certificatePem: firstOf(certificate), key: new Secret(place.key === place.certificate ? key.replace(certificateBlock, '') : key) };
}

function firstOf(pem: string): string {
  const [first = ''] = pem.match(certificateBlock) ?? [];
  return first.endsWith('\n') ? first : `${first}\n`;
}

/** Of the incoming CA, with its own key, all names of the wish, and at least half of its life before it. */
export function fitsWish(site: Site, { certificatePem, key }: LivePair, wish: LeafWish): boolean {
  try {
    const leaf = new X509Certificate(certificatePem);
    const subject = readSubject(certificatePem);
    const publicKey = createPublicKey(createPrivateKey(key.reveal())).export({ type: 'spki', format: 'der' });
    const sans = new Set(readSans(certificatePem).map(plain));
    return (
      leaf.verify(new X509Certificate(caPem(site, 'incoming')).publicKey) &&
      leaf.publicKey.export({ type: 'spki', format: 'der' }).equals(publicKey) &&
      subject.commonName === wish.commonName &&
      [...subject.organizations].sort().join() === [...wish.organizations].sort().join() &&
      wish.sans.every((san) => sans.has(plain(san))) &&
      Date.parse(leaf.validTo) > site.now() + wish.ttlMs / 2
    );
  } catch {
    // Not a certificate, or not a key: it is made again.
    return false;
  }
}

/** Node writes IPv6 addresses in full and in capitals. */
function plain(san: string): string {
  return san.toLowerCase().replaceAll(/\b0+(?=[0-9a-f])/g, '');
}

/** Live files of a node with their text. Throws file-missing. */
export async function liveFiles(site: Site, node: string, paths: readonly string[]): Promise<Map<string, FileContent & { readonly text: string }>> {
  const files = await site.shells.to(node).readFiles(paths, limitsOf(site, 30_000));
  return new Map(
    paths.map((path) => {
      const file = files.get(path);
      if (file === undefined) {
        return fail('file-missing', {
          target: node,
          summary: `${path} is not there any more`,
          cause: 'the plan was made when it was',
          nextAction: 'Put it back, or make a new plan.',
        });
      }
      return [path, { ...file, text: Buffer.from(file.bytes).toString('utf8') }] as const;
    }),
  );
}

/** What is staged for one live file: its text with the incoming CA and leaf in the places of the outgoing. Everything else keeps its bytes. */
export function stagedText(
  site: Site,
  material: Material,
  file: { readonly node: string; readonly path: string; readonly text: string },
  pairs: ReadonlyMap<string, LivePair>,
): Secret {
  let text = file.text;
  for (const { name, places } of material.identities) {
    const pair = pairs.get(name);
    for (const place of places) {
      if (place.node !== file.node || pair === undefined) continue;
      if ('kubeconfig' in place) {
        if (place.kubeconfig === file.path) text = withClient(text, { certificatePem: pair.certificatePem, keyPem: pair.key }, file.path);
        continue;
      }
      const chain = place.withCa ? `${pair.certificatePem}${caPem(site, 'incoming')}` : pair.certificatePem;
      const key = pair.key.reveal().toString('utf8');
      if (place.certificate === file.path) text = place.key === place.certificate ? `${chain}${key}` : chain;
      else if (place.key === file.path) text = key;
    }
  }
  const trusts = material.trust.find(({ node, path }) => node === file.node && path === file.path);
  if (trusts?.form === 'kubeconfig') text = withCaData(text, exchanged(site, caDataOf(text)), file.path);
  else if (trusts !== undefined) text = exchanged(site, text);
  return new Secret(Buffer.from(text));
}

function caDataOf(text: string): string {
  return readKubeconfig(text).caPem ?? '';
}

/** The outgoing CA by the incoming; other certificates of a bundle stay. */
function exchanged(site: Site, pem: string): string {
  const outgoing = fingerprintOf(caPem(site, 'outgoing'));
  return pem.replace(certificateBlock, (block) => (fingerprintOf(block) === outgoing ? caPem(site, 'incoming') : block));
}
