/** Options that several commands share, and how they become settings. */

import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { fail, failure, RotationError } from '../../domain/errors.js';
import type { Settings } from '../../domain/plan/plan.js';
import { stateDirOf } from '../../app/settings.js';

export interface SettingFlags {
  readonly inventory?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly sshConfig?: string;
  readonly knownHosts?: string;
  readonly vaultMount: string;
  readonly recipient?: readonly string[];
  readonly identity?: string;
  readonly stateDir?: string;
}

export function withStateOption(command: Command): Command {
  return command.addOption(new Option('--state-dir <folder>', 'where runs are kept').env('ROTATE_CA_STATE_DIR'));
}

/** How hosts and the API are reached. */
export function withReachOptions(command: Command): Command {
  return command
    .addOption(new Option('-i, --inventory <file>', 'hosts: Ansible YAML, `ansible-inventory --list` JSON, or our own YAML').env('ROTATE_CA_INVENTORY'))
    .option('--kubeconfig <file>', 'kubeconfig with an embedded client certificate (default: KUBECONFIG, ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig')
    .addOption(new Option('-F, --ssh-config <file>', 'as ssh -F').env('ROTATE_CA_SSH_CONFIG'))
    .option('--known-hosts <file>', 'known_hosts in place of those of the SSH configuration');
}

export function withSettingOptions(command: Command): Command {
  return withReachOptions(withStateOption(command))
    .addOption(new Option('--vault-mount <path>', 'mount of the PKI engine').env('ROTATE_CA_VAULT_MOUNT').default('pki-k8s'))
    .addOption(new Option('--recipient <age1...>', 'to whom checkpoints and backups are encrypted; may be given again').env('ROTATE_CA_RECIPIENTS').argParser(collect))
    .addOption(new Option('--identity <file>', 'age identity that can decrypt them again').env('ROTATE_CA_IDENTITY'));
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), ...value.split(',').filter((v) => v !== '')];
}

/** All that is missing at once. */
function refuseMissing(flags: SettingFlags): void {
  const missing = [
    ...(flags.inventory === undefined ? [failure('usage', { target: '--inventory', summary: 'this file is needed and was not named', nextAction: 'Give --inventory FILE.' })] : []),
    ...(flags.identity === undefined
      ? [
          failure('usage', {
            target: '--identity',
            summary: 'this file is needed and was not named',
            nextAction: 'Make a key with "age-keygen -o key.txt", then give --identity key.txt.',
          }),
        ]
      : []),
    ...((flags.recipient ?? []).length === 0
      ? [
          failure('usage', {
            target: '--recipient',
            summary: 'nobody is named to whom checkpoints are encrypted',
            nextAction: 'Give --recipient age1..., as "age-keygen -y key.txt" prints it.',
          }),
        ]
      : []),
  ];
  if (missing.length > 0) throw new RotationError(missing);
}

/** Throws usage, naming the flags that are missing. */
export function settingsOf(flags: SettingFlags, env: NodeJS.ProcessEnv): Settings {
  refuseMissing(flags);
  const inventoryFile = needFile(flags.inventory, '--inventory');
  const identityFile = needFile(flags.identity, '--identity');
  const recipients = flags.recipient ?? [];
  const address = env.VAULT_ADDR ?? 'https://127.0.0.1:8200';
  return {
    inventoryFile,
    kubeconfig: flags.kubeconfig ?? env.KUBECONFIG ?? '',
    context: flags.context ?? '',
    ...(flags.sshConfig === undefined ? {} : { sshConfig: needFile(flags.sshConfig, '--ssh-config') }),
    ...(flags.knownHosts === undefined ? {} : { knownHosts: needFile(flags.knownHosts, '--known-hosts') }),
    vault: {
      address,
      mount: flags.vaultMount,
      ...given('namespace', env.VAULT_NAMESPACE),
      ...given('signRole', env.ROTATE_CA_VAULT_SIGN_ROLE),
      ...given('caFile', env.VAULT_CACERT),
      ...given('roleIdFile', env.ROTATE_CA_VAULT_ROLE_ID_FILE),
      ...given('secretIdFile', env.ROTATE_CA_VAULT_SECRET_ID_FILE),
    },
    recipients,
    identityFile,
    stateDir: stateDirOf(flags, env),
  };
}

function given<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [P in K]: string });
}

export function needFile(path: string | undefined, flag: string): string {
  if (path === undefined) return fail('usage', { target: flag, summary: 'this file is needed and was not named', nextAction: `Give ${flag} FILE.` });
  const file = resolve(path);
  return existsSync(file) ? file : fail('usage', { target: flag, summary: `there is no file ${file}`, nextAction: `Give ${flag} an existing file.` });
}

/** Who decides: the name that goes into the journal. */
export function operator(env: NodeJS.ProcessEnv): string {
  return env.SUDO_USER ?? env.USER ?? userInfo().username;
}
