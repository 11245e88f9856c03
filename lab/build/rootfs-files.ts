import { sshUser } from '../lab.js';

export interface RootfsFile {
  readonly path: string;
  readonly content: string;
  readonly mode?: number;
}

// nspawn mounts the cgroup controllers read-only. Only a bind remount works: a plain one says busy.
const cgroupsUnit = `[Unit]
Description=Writable cgroup controllers for containerd and the kubelet
DefaultDependencies=no
Before=containerd.service kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for c in cpu cpuacct cpuset memory devices freezer blkio pids; do mount -o remount,rw,bind /sys/fs/cgroup/$c || exit 1; done'
ExecStart=/bin/mount --make-rshared /
ExecStart=/bin/sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'

[Install]
WantedBy=sysinit.target
`;

// systemd-networkd never brings the link up here, since it waits for udev. The script is each node's own.
const networkUnit = `[Unit]
Description=Address and routes of this node
DefaultDependencies=no
Before=network-pre.target ssh.service containerd.service kubelet.service
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /etc/lab/network.sh

[Install]
WantedBy=sysinit.target
`;

const kubeletUnit = `[Unit]
Description=kubelet
After=containerd.service
Wants=containerd.service
# Before kubeadm has written its configuration there is nothing to start.
ConditionPathExists=/var/lib/kubelet/config.yaml

[Service]
ExecStart=/usr/local/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=2

[Install]
WantedBy=multi-user.target
`;

const kubeletDropIn = `[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/local/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`;

// restrict_oom_score_adj: without CAP_SYS_RESOURCE no process may lower its own score.
const containerdConfig = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10.1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`;

const sshdConfig = `PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowUsers ${sshUser}
UseDNS no
`;

export const rootfsFiles: readonly RootfsFile[] = [
  { path: 'etc/systemd/system/lab-cgroups.service', content: cgroupsUnit },
  { path: 'etc/systemd/system/lab-network.service', content: networkUnit },
  { path: 'etc/systemd/system/kubelet.service', content: kubeletUnit },
  { path: 'etc/systemd/system/kubelet.service.d/10-kubeadm.conf', content: kubeletDropIn },
  { path: 'etc/systemd/journald.conf.d/lab.conf', content: '[Journal]\nStorage=persistent\nSystemMaxUse=64M\nRateLimitIntervalSec=0\n' },
  { path: 'etc/containerd/config.toml', content: containerdConfig },
  { path: 'etc/ssh/sshd_config.d/lab.conf', content: sshdConfig },
  { path: `etc/sudoers.d/${sshUser}`, content: `${sshUser} ALL=(ALL:ALL) NOPASSWD: ALL\n`, mode: 0o440 },
  { path: 'etc/profile.d/kubeconfig.sh', content: 'export KUBECONFIG=/etc/kubernetes/admin.conf\n' },
];
