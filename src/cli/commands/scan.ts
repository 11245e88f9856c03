/** rotate-ca scan: everything that is known of who trusts whom, and what could not be seen. Nothing is changed. */

import { type Command, Option } from 'commander';
import { exitCodes, fail } from '../../domain/errors.js';
import type { Context } from '../context.js';
import { needFile, withReachOptions } from './shared-options.js';

interface ScanFlags {
  readonly inventory?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly sshConfig?: string;
  readonly knownHosts?: string;
  readonly output: 'table' | 'json' | 'yaml' | 'dot' | 'svg';
  readonly out?: string;
  readonly diff?: readonly string[];
}

export function addScanCommand(program: Command, context: Context): void {
  withReachOptions(program.command('scan').summary('who holds which CA, what is loaded, and what could not be seen'))
    .description('Reads all nodes over SSH and the API: certificates, bundles, kubeconfigs, objects, tokens, pods, and what each listener presents. Nothing is changed.')
    .addOption(new Option('-o, --output <format>', 'table, json, yaml, dot or svg').choices(['table', 'json', 'yaml', 'dot', 'svg']).default('table'))
    .option('--out <file>', 'save the scan: for --diff, and for "rotate-ca rehearse --from FILE"')
    .option('--diff <files...>', 'compare two saved scans instead, the earlier first; ends with 2 if they differ')
    .action(async (flags: ScanFlags) => {
      await (flags.diff === undefined ? scan(flags, context) : compare(flags.diff, context));
    });
}

async function scan(flags: ScanFlags, { out, env, signal, end }: Context): Promise<void> {
  const { saveScan, scanAsYaml, scanNow } = await import('../../app/scan.js');
  const inventory = await scanNow({
    inventoryFile: needFile(flags.inventory, '--inventory'),
    kubeconfig: flags.kubeconfig ?? env.KUBECONFIG ?? '',
    context: flags.context ?? '',
    ...(flags.sshConfig === undefined ? {} : { sshConfig: needFile(flags.sshConfig, '--ssh-config') }),
    ...(flags.knownHosts === undefined ? {} : { knownHosts: needFile(flags.knownHosts, '--known-hosts') }),
    env,
    signal,
  });
  if (flags.out !== undefined) saveScan(flags.out, inventory);
  out.object('Inventory', inventory);
  if (flags.output === 'yaml') out.result(scanAsYaml(inventory));
  else if (flags.output === 'dot' || flags.output === 'svg') {
    const { graphPicture } = await import('../../app/graph-picture.js');
    out.result(await graphPicture({ inventory }, { format: flags.output }));
  } else if (flags.output === 'table') {
    const { scanText } = await import('./scan-text.js');
    out.result(scanText(inventory, out));
  }
  if (flags.out !== undefined) out.say(`Saved. Next: rotate-ca scan --diff ${flags.out} LATER, or rotate-ca rehearse --from ${flags.out}`);
  end(exitCodes.ok);
}

async function compare(files: readonly string[], { out, end }: Context): Promise<void> {
  const [before, after, ...rest] = files;
  if (before === undefined || after === undefined || rest.length > 0) {
    return fail('usage', { target: '--diff', summary: `two files are compared, not ${files.length}`, nextAction: 'Give --diff EARLIER LATER.' });
  }
  const { differencesOfFiles } = await import('../../app/scan.js');
  const found = differencesOfFiles(before, after);
  out.object('Differences', { before, after, differences: found });
  out.result(found.length === 0 ? 'Nothing differs that matters for trust.' : found.map(({ text }) => `~ ${text}`).join('\n'));
  end(found.length === 0 ? exitCodes.ok : exitCodes.changes);
}
