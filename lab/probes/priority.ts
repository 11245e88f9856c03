import { existsSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

const niceness = -10;

/**
 * Ahead of others for the processor: a probe that is late because the machine is busy says nothing about the API.
 * Where the kernel groups processes by session, a process's own niceness counts only within its session, and the
 * session's is what matters. Without the right to do so the prober runs as it is, and counts what it sent too late.
 */
export function putAhead(pid: number): void {
  try {
    setPriority(pid, niceness);
    const autogroup = `/proc/${pid}/autogroup`;
    if (existsSync(autogroup)) writeFileSync(autogroup, String(niceness));
  } catch {
    return;
  }
}
