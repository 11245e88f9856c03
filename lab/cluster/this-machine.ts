/** What a kubelet's configuration needs in a node of the lab, of whatever layout. */
export const kubeletOnThisMachine = {
  // Without CAP_SYS_RESOURCE and without cgroup v2, the kubelet runs as it would in a user namespace.
  cgroupDriver: 'cgroupfs',
  failSwapOn: false,
  localStorageCapacityIsolation: false,
  featureGates: { KubeletInUserNamespace: true },
  // All nodes share the machine's disk, and say nothing of use about how full it is.
  evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
  imageGCHighThresholdPercent: 100,
} as const;

/** And kube-proxy's. */
export const proxyOnThisMachine = {
  // The conntrack table is the host's, and cannot be resized from a node.
  conntrack: { maxPerCore: 0, min: 0 },
} as const;
