/** Dates and durations as kubeadm prints them, and how long "within" is. */

import { readDuration } from '../plan/duration.js';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
const hourMs = 3_600_000;

/** `Dec 01, 2027 00:03 UTC`. Go's "Jan 02, 2006 15:04 MST" (k/k cmd/kubeadm/app/cmd/certs.go newCmdCertsExpiration). */
export function kubeadmDate(ms: number): string {
  const at = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${months[at.getUTCMonth()] ?? ''} ${two(at.getUTCDate())}, ${String(at.getUTCFullYear()).padStart(4, '0')} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())} UTC`;
}

/** `364d`, `9y`, `<invalid>` of what has passed. k/k apimachinery pkg/util/duration/duration.go ShortHumanDuration; a year is 365 days. */
export function shortHumanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h`;
  return hours < 24 * 365 ? `${Math.floor(hours / 24)}d` : `${Math.floor(hours / 24 / 365)}y`;
}

/**
 * `30d`, `30d12h`, `720h` in ms, or in words what is wrong. Other durations of rotate-ca have no days, because a day is not always 24 h;
 * a residual time is counted in days of 24 h by kubeadm, and so is this.
 */
export function readWithin(text: string): { readonly ms: number } | { readonly wrong: string } {
  const [, days, rest = ''] = /^(?:(\d{1,6})d)?(.*)$/s.exec(text) ?? [];
  if (days === undefined) {
    const read = readDuration(text);
    return 'wrong' in read && /^\d+$/.test(text) ? { wrong: `"${text}" has no unit: write "${text}d" for days` } : read;
  }
  const read = rest === '' ? { ms: 0 } : readDuration(rest);
  return 'wrong' in read ? read : { ms: Number(days) * 24 * hourMs + read.ms };
}
