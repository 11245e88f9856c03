/** Times and durations as Go prints and reads them, for texts that must be Vault's own. */

/** time.RFC3339Nano in UTC: fractions without trailing zeros. `nanos` are those below the millisecond. */
export function goTime(ms: number, nanos = 0): string {
  const whole = new Date(Math.floor(ms / 1_000) * 1_000).toISOString().slice(0, 19);
  const fraction = (((ms % 1_000) + 1_000) % 1_000) * 1_000_000 + nanos;
  return fraction === 0 ? `${whole}Z` : `${whole}.${String(Math.floor(fraction)).padStart(9, '0').replace(/0+$/, '')}Z`;
}

/** time.Duration.String() of whole seconds: "8760h0m0s", "1m30s", "0s". */
export function goDuration(seconds: number): string {
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor((seconds % 3_600) / 60);
  const rest = seconds % 60;
  if (hours > 0) return `${hours}h${minutes}m${rest}s`;
  return minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`;
}

/** The same without what is zero at its end, as the SDK shows lives that were cut: "2h". */
export function shortDuration(seconds: number): string {
  return goDuration(seconds).replace(/m0s$/, 'm').replace(/h0m$/, 'h');
}

const unitSeconds: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds of what parseutil.ParseDurationSecond takes: a number, digits, or a Go duration, days too. Throws RangeError with Go's text. */
export function secondsOf(value: unknown): number {
  if (typeof value === 'number') return Math.trunc(value);
  if (typeof value !== 'string') throw new RangeError('could not parse duration from input');
  const text = value.trim();
  if (text === '') return 0;
  if (/^-?\d+$/.test(text)) return Number(text);
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/.exec(text) ?? [];
  let total = 0;
  let left = rest;
  while (left !== '') {
    const [whole, amount = '', unit = ''] = /^(\d+(?:\.\d*)?|\.\d+)([^\d.]*)/.exec(left) ?? [];
    if (whole === undefined) throw new RangeError(`time: invalid duration "${text}"`);
    if (unit === '') throw new RangeError(`time: missing unit in duration "${text}"`);
    const factor = unitSeconds[unit];
    if (factor === undefined) throw new RangeError(`time: unknown unit "${unit}" in duration "${text}"`);
    total += Number(amount) * factor;
    left = left.slice(whole.length);
  }
  return Math.trunc(sign === '-' ? -total : total);
}
