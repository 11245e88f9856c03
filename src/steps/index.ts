/** The registry: one import and one line for each kind of step. */

import type { AnyStepKind, StepKinds } from '../ports/step-kind.js';
import { awaitPublication } from './await-publication/kind.js';
import { awaitVolumes } from './await-volumes/kind.js';
import { backUpCluster } from './back-up-cluster/kind.js';
import { backUpNodes } from './back-up-nodes/kind.js';
import { checkCluster } from './check-cluster/kind.js';
import { checkNodes } from './check-nodes/kind.js';
import { clearServiceAccountTokens } from './clear-service-account-tokens/kind.js';
import { extensionTrust } from './extension-trust/kind.js';
import { healJoinedNodes } from './heal-joined-nodes/kind.js';
import { holdCredential } from './hold-credential/kind.js';
import { issueCa } from './issue-ca/kind.js';
import { reissueLeaves } from './reissue-leaves/kind.js';
import { renewAdmins } from './renew-admins/kind.js';
import { renewControlPlane } from './renew-control-plane/kind.js';
import { renewJoinMaterial } from './renew-join-material/kind.js';
import { renewKubelets } from './renew-kubelets/kind.js';
import { restartEtcd } from './restart-etcd/kind.js';
import { rollWorkloads } from './roll-workloads/kind.js';
import { setServerTrust } from './set-server-trust/kind.js';
import { switchSigner } from './switch-signer/kind.js';
import { updateKubeadmConfig } from './update-kubeadm-config/kind.js';
import { updateObjects } from './update-objects/kind.js';
import { verifyDistrust } from './verify-distrust/kind.js';
import { checkCutover } from './check-cutover/kind.js';
import { checkUnits } from './check-units/kind.js';
import { issueRoot } from './issue-root/kind.js';
import { putFiles } from './put-files/kind.js';
import { putInPlace } from './put-in-place/kind.js';
import { putObjects } from './put-objects/kind.js';
import { restartUnits } from './restart-units/kind.js';
import { setUpIssuer } from './set-up-issuer/kind.js';
import { setUnits } from './set-units/kind.js';
import { stageLeaves } from './stage-leaves/kind.js';

const all: readonly AnyStepKind[] = [
  awaitPublication,
  awaitVolumes,
  backUpCluster,
  backUpNodes,
  checkCluster,
  checkNodes,
  clearServiceAccountTokens,
  extensionTrust,
  healJoinedNodes,
  holdCredential,
  issueCa,
  reissueLeaves,
  renewAdmins,
  renewControlPlane,
  renewJoinMaterial,
  renewKubelets,
  restartEtcd,
  rollWorkloads,
  setServerTrust,
  switchSigner,
  updateKubeadmConfig,
  updateObjects,
  checkCutover,
  checkUnits,
  issueRoot,
  putFiles,
  putInPlace,
  putObjects,
  restartUnits,
  setUnits,
  setUpIssuer,
  stageLeaves,
  verifyDistrust,
];

export const stepKinds: StepKinds = new Map(all.map((kind) => [kind.name, kind]));
