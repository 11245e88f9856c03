/** rotate-ca expiry: when every certificate of a cluster ends, in the form of `kubeadm certs check-expiration`. */

import { type Command, Option } from 'commander';
import { exitCodes, fail } from '../../domain/errors.js';
import { dueBy, type Expiry, type ExpiryRow, narrowed } from '../../domain/expiry/expiry.js';
import { kubeadmDate, readWithin, shortHumanDuration } from '../../domain/expiry/kubeadm-forms.js';
import type { Context } from '../context.js';
import type { Output } from '../output.js';
import { table } from '../table.js';
import { needFile, withReachOptions } from './shared-options.js';

interface Flags {
  readonly inventory?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly sshConfig?: string;
  readonly knownHosts?: string;
  readonly folder?: string;
  readonly within?: string;
  readonly output: 'text' | 'wide' | 'json';
}

export function addExpiryCommand(program: Command, context: Context): void {
  withReachOptions(program.command('expiry').summary('when every certificate of the cluster ends'))
    .description('Reads certificates on all nodes over SSH, in the API, or in a folder, and says when they end, as "kubeadm certs check-expiration" does. Nothing is changed.')
    .addOption(new Option('-o, --output <format>', 'text, wide (each place, with NODE and PATH), or json').choices(['text', 'wide', 'json']).default('text'))
    .option('--folder <folder>', 'read the files of this folder instead, for example a copy of /etc/kubernetes')
    .option('--within <duration>', 'end with 2 if something ends within this time: 30d, 12h')
    .action(async (flags: Flags) => {
      const { out, env, signal } = context;
      const withinMs = withinOf(flags.within);
      const { expiryNow } = await import('../../app/expiry.js');
      const expiry = await expiryNow({ env, signal, ...sourcesOf(flags) });
      const now = Date.now();
      const due = withinMs === undefined ? [] : dueBy(expiry, now + withinMs);
      out.object('Expiry', inJson(expiry, due, now));
      out.result(inText(expiry, flags.output === 'wide', now));
      if (!out.json) tellRest(out, expiry, due, flags, now);
      context.end(due.length > 0 ? exitCodes.changes : expiry.unseen.length > 0 ? exitCodes.error : exitCodes.ok);
    });
}

function withinOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const read = readWithin(text);
  return 'ms' in read ? read.ms : fail('usage', { target: '--within', summary: read.wrong, nextAction: 'Write --within 30d, or --within 12h.' });
}

function sourcesOf(flags: Flags): { folder?: string; inventoryFile?: string; kubeconfig?: string; context?: string; sshConfig?: string; knownHosts?: string } {
  const given = <K extends string>(key: K, value: string | undefined): { [P in K]?: string } => (value === undefined ? {} : ({ [key]: value } as { [P in K]: string }));
  const file = (path: string | undefined, flag: string): string | undefined => (path === undefined ? undefined : needFile(path, flag));
  if (flags.folder !== undefined) return { folder: flags.folder };
  return {
    ...given('inventoryFile', file(flags.inventory, '--inventory')),
    ...given('kubeconfig', flags.kubeconfig),
    ...given('context', flags.context),
    ...given('sshConfig', file(flags.sshConfig, '--ssh-config')),
    ...given('knownHosts', file(flags.knownHosts, '--known-hosts')),
  };
}

function inText(expiry: Expiry, wide: boolean, now: number): string {
  const { certificates, authorities } = wide ? expiry : narrowed(expiry);
  const place = wide ? ['NODE', 'PATH'] : [];
  const of = (row: ExpiryRow, withCa: boolean): string[] => [
    row.ending === undefined ? `!MISSING! ${row.name}` : row.name,
    row.ending === undefined ? '' : kubeadmDate(row.ending.expiresAtMs),
    row.ending === undefined ? '' : shortHumanDuration(row.ending.expiresAtMs - now),
    ...(withCa ? [row.ending === undefined ? '' : row.caName] : []),
    row.ending === undefined ? '' : yesNo(row.externallyManaged),
    ...(wide ? [row.node, row.path] : []),
  ];
  const leaves = table(
    ['CERTIFICATE', 'EXPIRES', 'RESIDUAL TIME', 'CERTIFICATE AUTHORITY', 'EXTERNALLY MANAGED', ...place],
    certificates.map((row) => of(row, true)),
  );
  const cas = table(
    ['CERTIFICATE AUTHORITY', 'EXPIRES', 'RESIDUAL TIME', 'EXTERNALLY MANAGED', ...place],
    authorities.map((row) => of(row, false)),
  );
  return `${leaves}\n\n${cas}`;
}

function yesNo(externallyManaged: boolean | undefined): string {
  return externallyManaged === undefined ? '-' : externallyManaged ? 'yes' : 'no';
}

/** What does not fit into kubeadm's columns. */
function tellRest(out: Output, expiry: Expiry, due: readonly ExpiryRow[], flags: Flags, now: number): void {
  const c = out.colours;
  const early = [...expiry.certificates, ...expiry.authorities].filter(({ ending }) => ending?.endsFirst !== undefined);
  if (early.length > 0) out.say('');
  for (const { name, node, path, ending } of early) {
    out.say(`${name} (${where(node, path)}) would last until ${kubeadmDate(ending?.notAfterMs ?? 0)}, but its CA "${ending?.endsFirst?.subject ?? ''}" ends before it.`);
  }
  for (const { code, place, meaning } of expiry.findings) out.say(`${c.yellow('Finding')} ${code}: ${place}: ${meaning}`);
  for (const { place, why } of expiry.unseen) out.say(`${c.yellow('Not seen')}: ${place}: ${why}`);
  if (flags.within === undefined) return;
  if (due.length === 0) out.say(`Nothing ends within ${flags.within}.`);
  for (const { name, node, path, ending } of due) {
    const left = ending === undefined || ending.expiresAtMs <= now ? 'has ended' : `ends in ${shortHumanDuration(ending.expiresAtMs - now)}`;
    out.say(`${c.red('Due')}: ${name} ${left}: ${where(node, path)}`);
  }
}

function where(node: string, path: string): string {
  return node === '' ? path : `${node}:${path}`;
}

/** Names as in kubeadm's `-o json` (output.kubeadm.k8s.io CertificateExpirationInfo), and more. */
function inJson({ certificates, authorities, findings, unseen }: Expiry, due: readonly ExpiryRow[], now: number): object {
  const soon = new Set(due);
  const of = (row: ExpiryRow): object => ({
    name: row.name,
    ...(row.ending === undefined ? {} : { expirationDate: isoOf(row.ending.expiresAtMs), residualTime: Math.trunc((row.ending.expiresAtMs - now) / 1000) }),
    ...(row.externallyManaged === undefined ? {} : { externallyManaged: row.externallyManaged }),
    caName: row.caName,
    missing: row.ending === undefined,
    ...(row.node === '' ? {} : { node: row.node }),
    path: row.path,
    ...(row.ending === undefined ? {} : { notAfter: isoOf(row.ending.notAfterMs) }),
    ...(row.ending?.endsFirst === undefined ? {} : { endsFirst: row.ending.endsFirst.subject }),
    ...(row.certificate === undefined ? {} : { subject: row.certificate.subject, fingerprint: row.certificate.fingerprint }),
    due: soon.has(row),
  });
  return { certificates: certificates.map(of), certificateAuthorities: authorities.map(of), findings, unseen };
}

/** Without the milliseconds that no certificate has. */
function isoOf(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
