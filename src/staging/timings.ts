/** How long things take in a real cluster, in milliseconds before the clock's speed; each with its source. */

export const timings = {
  /** H: what the inotify watch of dynamic certificates needs (apiserver: dynamiccertificates/dynamic_cafile_content.go). */
  hotNoticeMs: 1_000,
  /** H: re-check although nothing was noticed (the same file, `wait.JitterUntil`). */
  hotRecheckMs: 60_000,
  /** P5: client-go transport/cert_rotation.go `CertCallbackRefreshDuration`. */
  clientPairPollMs: 300_000,
  /** T1: client-go transport/token_source.go. */
  tokenFileMs: 60_000,
  /** client-go from 1.35 on, where it follows a CA file: transport/ca_rotation.go `caRefreshDuration`. */
  caFileMs: 300_000,
  /** V: a kubelet brings the volumes of a pod up to date when it syncs the pod: --sync-frequency, and this share of it more at random (pod_workers.go workerResyncIntervalJitterFactor). */
  volumeSyncMs: 60_000,
  volumeSyncJitter: 0.5,
  /** kubelet --file-check-frequency; inotify notices sooner. */
  manifestRecheckMs: 20_000,
  /** From the change of a manifest to the end of the pod before, and to the start of the next, on the lab. */
  staticPodStopMs: 2_000,
  staticPodStartMs: 6_000,
  /** First restart of a container that ended is at once, then 10 s, doubled (kubelet crash loop back-off). */
  crashLoopMs: 10_000,
  kubeletStartMs: 3_000,
  /** kubelet: nodeLeaseDurationSeconds 40, renewed every quarter of it. */
  nodeLeaseRenewMs: 10_000,
  nodeLeaseDurationSeconds: 40,
  nodeStatusMs: 10_000,
  /** kcm --node-monitor-grace-period (1.34: 50 s) and the toleration of NotReady that evicts. */
  nodeMonitorGraceMs: 50_000,
  evictionMs: 300_000,
  /** Leader election of kcm and scheduler: leaseDuration 15 s, renewDeadline 10 s, retryPeriod 2 s. */
  leaseDurationSeconds: 15,
  leaseRenewDeadlineMs: 10_000,
  leaseRetryMs: 2_000,
  /** rootcacertpublisher and token controller: 20 writes a second (client QPS). */
  publishEveryMs: 50,
  /** Success cache of tokens in kube-apiserver (TokenSuccessCacheTTL). */
  tokenCacheMs: 10_000,
  /** kubelet: webhook authentication cache. */
  kubeletTokenCacheMs: 120_000,
  podStartMs: 3_000,
  podStopMs: 2_000,
  /** clusterauthenticationtrust controller: poll beside its watch. */
  extensionTrustPollMs: 60_000,
  /** HAProxy of the lab: check of /readyz. */
  healthCheckMs: 500,
} as const;

/** Wall clock that each node leaves the machine between two renewals of its lease: all nodes of a cluster share two processors. With 200 nodes it is the 10 s of a real one. */
const restBetweenRenewalsMs = 50;

/** Milliseconds of a real cluster between two renewals, as the clock runs: more than a real kubelet takes only where there are many nodes. */
export function leaseRenewMs(nodes: number, speed: number): number {
  return Math.max(timings.nodeLeaseRenewMs, nodes * restBetweenRenewalsMs * speed);
}

/** Wall clock between two looks of one candidate at a lease: at 20 times the speed there would be ten a second of each, a third of all requests of a small cluster. */
const shortestRetryMs = 200;

/** Milliseconds of a real cluster between two renewals of a leader, and between two looks of a standby before its jitter. */
export function leaseRetryMs(speed: number): number {
  return Math.max(timings.leaseRetryMs, shortestRetryMs * speed);
}

/** A node counts as dead after five renewals in vain, as in a real cluster. */
export function monitorGraceMs(nodes: number, speed: number): number {
  return (leaseRenewMs(nodes, speed) / timings.nodeLeaseRenewMs) * timings.nodeMonitorGraceMs;
}
