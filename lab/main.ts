import { labPaths } from './lab.js';
import { layouts } from './layout.js';
import { releases } from './release.js';
import { takeLayout, UsageError } from './take-layout.js';
import { downCommand, envCommand, joinCommand, logsCommand, restoreCommand, snapshotCommand, sshCommand, statusCommand, theOnly, upCommand } from './commands.js';

const usage = `usage: npm run lab -- COMMAND [--layout ${Object.keys(layouts).join('|')}] [--kubernetes ${Object.keys(releases).join('|')}]

  up [--control-planes 1|3] [--workers N] [--encryption-algorithm RSA-2048|RSA-3072|RSA-4096|ECDSA-P256]
                     make the lab, or what is missing of it
  down [--all]       remove it; --all: also what was built
  status [-o json]   what runs, and what does not
  env [-o json]      the variables that a user's shell would have
  ssh NODE [CMD...]  a shell on a node, or one command
  logs [NODE]        the lab's log files, or a node's journal
  snapshot NAME      keep the state of all nodes and of Vault
  restore NAME       go back to it
  join NODE          add one more worker, with a fresh token (kubeadm only)

Each layout has a lab of its own; without --layout it is that of kubeadm, of the release that --kubernetes names (1.34).
For \`ssh\` both stand before the node.
`;

async function run([command, ...all]: string[]): Promise<number> {
  const { layout, rest: args } = takeLayout(command, all);
  const paths = labPaths(layout);
  switch (command) {
    case 'up':
      return upCommand(paths, args);
    case 'down':
      return downCommand(paths, args);
    case 'status':
      return statusCommand(paths, args);
    case 'env':
      return envCommand(paths, args);
    case 'ssh':
      return sshCommand(paths, args);
    case 'logs':
      return logsCommand(paths, args);
    case 'snapshot':
      return snapshotCommand(paths, theOnly(args, 'name'));
    case 'restore':
      return restoreCommand(paths, theOnly(args, 'name'));
    case 'join':
      return joinCommand(paths, theOnly(args, 'node'));
    case 'help':
    case '--help':
      process.stdout.write(usage);
      return 0;
    default:
      throw new UsageError(command === undefined ? 'no command' : `no such command: ${command}`);
  }
}

function isUsageError(error: unknown): boolean {
  if (error instanceof UsageError) return true;
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

// Exit codes: 1 it failed, 2 wrong usage, 3 this machine cannot carry the lab.
try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const wrong = isUsageError(error);
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n${wrong ? `\n${usage}` : ''}`);
  process.exitCode = wrong ? 2 : 1;
}
