/** Token Secrets that a run cannot have signed anew. */

import { failure, type Failure } from '../domain/errors.js';
import type { KubeObject } from '../ports/kube.js';
import { nameOf } from './token-secrets.js';

/** Why its token cannot, or should not, be cleared. */
export function obstaclesOf(secret: KubeObject): Failure[] {
  const { namespace = '', name, ownerReferences = [] } = secret.metadata;
  const owner = ownerReferences.find(({ controller }) => controller === true);
  const leaveOut = `or leave it out: skip: ["${nameOf(secret)}"] in the parameters of the step clear-service-account-tokens (skipTokens of check-cutover)`;
  return [
    ...(secret.immutable === true
      ? [
          failure('token-fixed', {
            target: nameOf(secret),
            summary: 'the token of this Secret cannot be cleared',
            cause: 'the Secret is immutable: the API refuses every change of its data',
            nextAction: `Delete it and create it again without "immutable" (kubectl -n ${namespace} delete secret ${name}; only its type and its annotation kubernetes.io/service-account.name are needed), and restart the pods that mount it; ${leaveOut}.`,
          }),
        ]
      : []),
    ...(owner === undefined
      ? []
      : [
          failure('token-fixed', {
            target: nameOf(secret),
            summary: `this Secret is managed by ${owner.kind} ${owner.name}, which may put the token back or delete the Secret`,
            cause: 'an ownerReference of it names a controller',
            nextAction: `Have that controller renew it and stop it for the time of the run; ${leaveOut}.`,
          }),
        ]),
  ];
}
