import { readFileSync, writeFileSync } from 'node:fs';

const instancesFile = '/proc/sys/fs/inotify/max_user_instances';
const neededInstances = 1024;

/**
 * To the kernel all nodes are one user, root: the usual 128 watchers of files are used up by ten kubelets with their containerd, and the next one
 * does not start ("inotify_init: too many open files"). Raised where it is less; it stays until the machine restarts.
 */
export function raiseWatcherLimit(): boolean {
  if (Number(readFileSync(instancesFile, 'utf8')) >= neededInstances) return false;
  writeFileSync(instancesFile, String(neededInstances));
  return true;
}
