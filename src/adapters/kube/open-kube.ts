/** Opens the engine's way into the API: a kubeconfig at first, the incoming CA and a credential of it later, without a restart. */

import { fail } from '../../domain/errors.js';
import { Secret } from '../../domain/secret.js';
import type { Kube, KubeAccess } from '../../ports/kube.js';
import { rootCertificates } from 'node:tls';
import { chooseContext, type Choice } from './chosen-context.js';
import { Connection, type Speaker } from './connection.js';
import { openCredential, type InPlaceOf } from './credential.js';
import { certificatesIn, checkCredential, oneLine } from './credential-check.js';
import { findKubeconfigs, readKubeconfigs } from './kubeconfig-file.js';
import { KubeClient } from './kube-client.js';
import { Resources } from './resources.js';

export interface KubeOptions extends Choice {
  /** A path, or a list of paths with colons; default KUBECONFIG, then ~/.kube/config. */
  readonly kubeconfig?: string;
  readonly env: NodeJS.ProcessEnv;
  /** Unix time in ms; default the clock of this machine. */
  readonly now?: () => number;
}

/** Reads and checks the kubeconfig; makes no request. Throws kubeconfig-invalid: missing, broken (file:line:column), no such context, expired. */
export async function openKube(options: KubeOptions): Promise<KubeAccess> {
  const found = findKubeconfigs(options.kubeconfig, options.env);
  const chosen = chooseContext(readKubeconfigs(found.files, found), options);
  const material = checkCredential(chosen, (options.now ?? Date.now)());
  const server = String(chosen.cluster.body.server);
  const fromFile = chosen.user.body;
  const secrets = [fromFile.token, fromFile.password, material.keyPem].filter((value): value is string => typeof value === 'string' && value !== '');
  const original =
    material.certificatePem === undefined || material.keyPem === undefined ? undefined : { certificatePem: material.certificatePem, key: new Secret(material.keyPem) };

  let only: string | undefined;
  let beside = '';
  let presented: { readonly certificatePem: string; readonly key: Secret } | undefined;
  let closed = false;
  const first = await openCredential(chosen, inPlaceOf());
  let speaker = speakerOf(first);

  function inPlaceOf(): InPlaceOf {
    // Who verifies nothing gains nothing from a further CA, and must not begin to verify against the CAs of this machine.
    const verifies = chosen.cluster.body['insecure-skip-tls-verify'] !== true;
    const caPem = only ?? (beside === '' || !verifies ? undefined : `${material.caPem ?? rootCertificates.join('\n')}\n${beside}`);
    return {
      caPem,
      client: presented === undefined ? undefined : { certificatePem: presented.certificatePem, keyPem: presented.key.reveal().toString('utf8') },
    };
  }

  function speakerOf(credential: Speaker['credential']): Speaker {
    const key = presented?.key.reveal().toString('utf8');
    return { credential, inWords: inWords(), kubectl: chosen.kubectl, secrets: key === undefined ? secrets : [...secrets, key] };
  }

  /** Which CA issued it is what an operator must know when a server says 401 in the middle of a rotation. */
  function inWords(): string {
    const pem = presented?.certificatePem ?? material.certificatePem;
    const leaf = pem === undefined ? undefined : certificatesIn(pem, `user "${chosen.user.name}"`, chosen.user.at)[0];
    if (leaf !== undefined) return `client certificate "${oneLine(leaf.subject)}" issued by "${oneLine(leaf.issuer)}"`;
    return fromFile.exec === undefined ? `token of user "${chosen.user.name}"` : `exec plugin of user "${chosen.user.name}"`;
  }

  function connectAnew(): void {
    const outgoing = speaker.credential;
    speaker = speakerOf(first.with(inPlaceOf()));
    outgoing.retire();
  }

  const resources = new Resources();
  const connection = new Connection(server, () => {
    if (closed) throw new Error('the access to the API is used after it was closed');
    return speaker;
  });
  const kube: Kube = new KubeClient(connection, resources);

  return {
    kube: () => kube,
    trustAlso: (caPem) => {
      mustHoldCa(caPem);
      if (only !== undefined) only = `${only}\n${caPem}`;
      else beside = `${beside}\n${caPem}`;
      connectAnew();
    },
    trustOnly: (caPem) => {
      mustHoldCa(caPem);
      only = caPem;
      beside = '';
      connectAnew();
    },
    present: (credential) => {
      presented = credential;
      connectAnew();
    },
    original: () => original,
    close: () => {
      closed = true;
      speaker.credential.retire();
    },
  };
}

/** An empty bundle would make Node trust the CAs of this machine. */
function mustHoldCa(caPem: string): void {
  if (caPem.includes('-----BEGIN CERTIFICATE-----')) return;
  fail('pem-invalid', {
    target: 'trust bundle',
    summary: 'The CAs to trust from now on hold no certificate',
    nextAction: 'This is a defect of the step that gave them: see "rotate-ca journal"',
  });
}
