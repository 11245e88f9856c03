/** All behaviours, quick ones first. */

import type { Behaviour } from './behaviour.js';
import { apiCredentials } from './behaviours/api-credentials.js';
import { apiServing } from './behaviours/api-serving.js';
import { apiTrust } from './behaviours/api-trust.js';
import { etcdMembers } from './behaviours/etcd-members.js';
import { kubeletRestarts } from './behaviours/kubelet-restarts.js';
import { kubelets } from './behaviours/kubelets.js';
import { leaderElection } from './behaviours/leader-election.js';
import { published } from './behaviours/published.js';
import { publisher } from './behaviours/publisher.js';
import { requests } from './behaviours/requests.js';
import { signer } from './behaviours/signer.js';
import { ssh } from './behaviours/ssh.js';
import { staticPods } from './behaviours/static-pods.js';
import { tokens } from './behaviours/tokens.js';
import { vault } from './behaviours/vault.js';
import { volumes } from './behaviours/volumes.js';
import { workloads } from './behaviours/workloads.js';
import { writes } from './behaviours/writes.js';

export const behaviours: readonly Behaviour[] = [
  ...ssh,
  ...vault,
  ...apiCredentials,
  ...requests,
  ...kubelets,
  ...apiTrust,
  ...apiServing,
  ...tokens,
  ...published,
  ...workloads,
  ...writes,
  ...volumes,
  ...etcdMembers,
  ...staticPods,
  ...leaderElection,
  ...kubeletRestarts,
  ...signer,
  ...publisher,
];
