/** Host ranges of Ansible: `node[01:50]`, `db-[a:f]`, `rack[1:9:2]-n[1:2]`. */

const mostHosts = 10_000;

/** The names, both ends included, width of the first number kept; or what is wrong. */
export function expandRange(pattern: string): string[] | { readonly wrong: string } {
  const match = /^([^[\]]*)\[([^[\]]*)\](.*)$/s.exec(pattern);
  if (match === null) return /[[\]]/.test(pattern) ? { wrong: 'a bracket is not closed' } : [pattern];
  const [, before = '', inner = '', after = ''] = match;
  const values = valuesOf(inner);
  if (!Array.isArray(values)) return values;
  const rest = expandRange(after);
  if (!Array.isArray(rest)) return rest;
  if (values.length * rest.length > mostHosts) return { wrong: `it stands for more than ${mostHosts} hosts` };
  return values.flatMap((value) => rest.map((tail) => `${before}${value}${tail}`));
}

function valuesOf(inner: string): string[] | { readonly wrong: string } {
  const [from = '', to = '', step = '1', ...more] = inner.split(':');
  const stride = Number(step);
  if (more.length > 0 || !/^\d{1,6}$/.test(step) || stride < 1) return { wrong: `"[${inner}]" is not first:last or first:last:step` };
  if (/^[a-z]$/i.test(from) && /^[a-z]$/i.test(to)) {
    const [first, last] = [from.charCodeAt(0), to.charCodeAt(0)];
    return counted(first, last, stride, inner, (code) => String.fromCharCode(code));
  }
  if (!/^\d{1,9}$/.test(from) || !/^\d{1,9}$/.test(to)) return { wrong: `"[${inner}]" is not first:last with numbers or single letters` };
  return counted(Number(from), Number(to), stride, inner, (n) => String(n).padStart(from.startsWith('0') ? from.length : 0, '0'));
}

function counted(first: number, last: number, stride: number, inner: string, write: (n: number) => string): string[] | { readonly wrong: string } {
  if (last < first) return { wrong: `"[${inner}]" ends before it begins` };
  if ((last - first) / stride >= mostHosts) return { wrong: `it stands for more than ${mostHosts} hosts` };
  return Array.from({ length: Math.floor((last - first) / stride) + 1 }, (_, i) => write(first + i * stride));
}
