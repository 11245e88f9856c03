#!/usr/bin/env node
/** The command line: reads arguments, calls the use cases, turns failures into words and exit codes. */

import { setMaxListeners } from 'node:events';
import { Command, CommanderError, Option } from 'commander';
import { exitCodes, type ErrorCode, failure, failuresOf } from '../domain/errors.js';
import { redact } from '../domain/redact.js';
import { toolVersion } from '../app/version.js';
import { addDecisionCommands } from './commands/decisions.js';
import { addExpiryCommand } from './commands/expiry.js';
import { addGraphCommand } from './commands/graph.js';
import { addPlanCommand } from './commands/plan.js';
import { addRehearseCommand } from './commands/rehearse.js';
import { addRunCommand } from './commands/run.js';
import { addScanCommand } from './commands/scan.js';
import { addStatusCommands } from './commands/status.js';
import { addVerifyCommands } from './commands/verify.js';
import type { Context } from './context.js';
import { exitWith } from './exit-with.js';
import { openOutput } from './output.js';

const examples = `
Examples:
  rotate-ca rehearse                  a whole rotation on a staging cluster on this machine
  rotate-ca plan -i inventory.yaml --recipient age1... --identity key.txt --out plan.json
  rotate-ca graph --from plan.json --out graph.html   who trusts whom, step by step
  rotate-ca run plan.json             do exactly that, stop at its gates
  rotate-ca status                    runs and how far they have come
  rotate-ca approve RUN               approve the gate at which a run waits, and go on
  rotate-ca resume RUN                go on after a failure, a pause, or a killed process
  rotate-ca rollback RUN              take everything back
  rotate-ca finalize RUN              after the soak: destroy the outgoing key
  rotate-ca scan --out scan.json      who holds which CA, what is loaded, what could not be seen
  rotate-ca expiry -o wide            when every certificate of the cluster ends

Exit codes: 0 ok, 1 error, 2 there is something to do (plan --detailed-exitcode, expiry --within, scan --diff),
3 waits for approval, 4 taken back, 5 failed and not taken back, 6 locked by another process, 64 usage, 130 interrupted.
`;

/** Codes that mean: what was typed or given is wrong, and nothing was tried. */
const usageCodes: readonly ErrorCode[] = ['usage', 'playbook-invalid', 'inventory-invalid', 'config-invalid', 'plan-invalid'];

async function main(argv: readonly string[]): Promise<number> {
  // One signal ends hundreds of waits: that is no leak.
  setMaxListeners(0);
  let code: number = exitCodes.ok;
  const end = (n: number): void => {
    code = n;
  };
  const stop = new AbortController();
  const format = formatOf(argv);
  const out = openOutput({ format, env: process.env, noColor: argv.includes('--no-color') });
  const context: Context = { out, env: process.env, signal: stop.signal, end };
  const program = new Command('rotate-ca')
    .description('Rotates the certificate authority of a Kubernetes cluster: proves each step, watches the API, takes everything back on request.')
    .version(toolVersion)
    .addOption(new Option('-o, --output <format>', 'text, or json on standard output').choices(['text', 'json']).default('text'))
    .option('--no-color', 'no colour (also NO_COLOR)')
    .addHelpText('after', examples)
    .showSuggestionAfterError()
    // What follows a command is the command's: some have forms of output of their own.
    .enablePositionalOptions()
    .exitOverride();
  addPlanCommand(program, context);
  addGraphCommand(program, context);
  addRunCommand(program, context);
  addDecisionCommands(program, context);
  addStatusCommands(program, context);
  addVerifyCommands(program, context);
  addScanCommand(program, context);
  addExpiryCommand(program, context);
  addRehearseCommand(program, context);
  for (const command of program.commands) {
    command.exitOverride().option('--no-color', 'no colour');
    // A command may have forms of its own.
    if (command.options.every(({ long }) => long !== '--output')) command.addOption(new Option('-o, --output <format>').choices(['text', 'json']).default('text').hideHelp());
  }
  try {
    await program.parseAsync([...argv]);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.ok;
      // Commander has written its words to standard error already; a program that reads JSON gets them too.
      const summary = error.message.replace(/^error: /, '').replace(/\s+/g, ' ');
      out.object('Failures', { failures: [failure('usage', { target: 'rotate-ca', summary, nextAction: 'Run "rotate-ca help COMMAND".' })] });
      return exitCodes.usage;
    }
    const failures = failuresOf(error);
    if (failures === undefined) throw error;
    out.failures(failures);
    const first = failures[0]?.code ?? 'internal';
    if (first === 'state-locked') return exitCodes.locked;
    if (first === 'interrupted') return exitCodes.interrupted;
    return usageCodes.includes(first) ? exitCodes.usage : exitCodes.error;
  }
}

/** Before parsing, so that errors of parsing come in the right form. */
function formatOf(argv: readonly string[]): string {
  const at = argv.findIndex((a) => a === '-o' || a === '--output');
  return (at >= 0 ? argv[at + 1] : argv.find((a) => a.startsWith('--output='))?.slice('--output='.length)) ?? 'text';
}

main(process.argv).then(
  (code) => exitWith(code),
  async (error: unknown) => {
    process.stderr.write(
      `rotate-ca has a defect: ${redact(error instanceof Error ? (error.stack ?? error.message) : String(error))}\nNothing more is done. The journal is whole: "rotate-ca resume" goes on.\n`,
    );
    await exitWith(exitCodes.error);
  },
);
