/** systemctl and journalctl of a node, for its units: what they print and how they exit, as systemd 252 does. */

import type { ProcessTable } from './proc.js';
import type { CommandAnswer, CommandCall, Unit } from './staging-node.js';
import { type JobVerb, runJobs } from './unit-jobs.js';
import { showUnits, stateOf, statusOf } from './unit-properties.js';

export interface Systemd {
  add(name: string, unit: Unit): void;
  systemctl(call: CommandCall, user: string): Promise<CommandAnswer>;
  journalctl(call: CommandCall): CommandAnswer;
}

/** `unitFile` reads the text of a unit below the node's /etc or /lib. */
export function systemd(about: { readonly node: string; readonly processes: ProcessTable; unitFile(name: string): string | undefined }): Systemd {
  const units = new Map<string, Unit>();

  function find(name: string): Unit | undefined {
    return units.get(full(name));
  }

  async function change(verb: string, given: readonly string[], user: string, isWaitedFor: boolean): Promise<CommandAnswer> {
    const names = given.map(full);
    for (const name of names) {
      if (user !== 'root') return fails(`Failed to ${verb} ${name}: Interactive authentication required.\nSee system logs and 'systemctl status ${name}' for details.\n`, 1);
      if (!units.has(name)) return fails(`Failed to ${verb} ${name}: Unit ${name} not found.\n`, 5);
    }
    const chosen = names.flatMap((name): [string, Unit][] => {
      const unit = units.get(name);
      return unit === undefined || (verb === 'try-restart' && !unit.isActive()) ? [] : [[name, unit]];
    });
    const warning = chosen.map(([name, unit]) => (unit.facts?.().needsReload === true ? changedOnDisk(name) : '')).join('');
    const jobs = runJobs(verb === 'try-restart' ? 'restart' : (verb as JobVerb), new Map(chosen));
    if (!isWaitedFor) return { stdout: '', stderr: warning, exitCode: 0 };
    const failures = [...(await jobs)].map(([name, why]) => `Job for ${name} failed ${why}.\nSee "systemctl status ${name}" and "journalctl -xeu ${name}" for details.\n`);
    return { stdout: '', stderr: `${warning}${failures.join('')}`, exitCode: failures.length === 0 ? 0 : 1 };
  }

  function status(names: readonly string[]): CommandAnswer {
    const texts: string[] = [];
    let exitCode = 0;
    for (const name of names) {
      const unit = find(name);
      if (unit === undefined) return fails(`Unit ${full(name)} could not be found.\n`, 4);
      exitCode = stateOf(unit)[0] === 'active' ? exitCode : 3;
      texts.push(statusOf(full(name), unit));
    }
    return { stdout: texts.join('\n'), stderr: '', exitCode };
  }

  return {
    add: (name, unit) => void units.set(full(name), unit),

    async systemctl({ args }, user) {
      const [verb = 'list-units', ...names] = words(args);
      switch (verb) {
        case 'restart':
        case 'start':
        case 'stop':
        case 'try-restart':
          return change(verb, names, user, !args.includes('--no-block'));
        case 'reload-or-restart':
          return change('restart', names, user, !args.includes('--no-block'));
        case 'is-active': {
          const states = names.map((name) => stateOf(find(name))[0]);
          const stdout = args.includes('-q') || args.includes('--quiet') ? '' : `${states.join('\n')}\n`;
          return { stdout, stderr: '', exitCode: states.includes('active') ? 0 : 3 };
        }
        case 'is-enabled': {
          const known = names.map(find);
          if (known.includes(undefined)) return fails(`Failed to get unit file state for ${full(names[known.indexOf(undefined)] ?? '')}: No such file or directory\n`, 1);
          return says(`${known.map(() => 'enabled').join('\n')}\n`);
        }
        case 'show':
          return says(
            showUnits(
              args,
              names.map((name) => [full(name), find(name)] as const),
              about.processes,
            ),
          );
        case 'status':
          return status(names);
        case 'cat': {
          const texts = names.map((name) => about.unitFile(full(name)));
          return texts.includes(undefined) ? fails(`No files found for ${full(names[0] ?? '')}.\n`, 1) : says(texts.join('\n'));
        }
        case 'daemon-reload':
          if (user === 'root') for (const unit of units.values()) unit.reload?.();
          return user === 'root' ? says('') : fails(`Failed to ${verb}: Interactive authentication required.\n`, 1);
        case 'enable':
        case 'disable':
        case 'reset-failed':
          return user === 'root' ? says('') : fails(`Failed to ${verb}: Interactive authentication required.\n`, 1);
        case 'list-units':
          return says(
            [...units]
              .map(([name, unit]) => `  ${name} loaded ${unit.isActive() ? 'active   running' : 'inactive dead   '} ${name.replace(/\.service$/, '')}`)
              .join('\n')
              .concat('\n'),
          );
        default:
          return fails(`Unknown command verb ${verb}.\n`, 1);
      }
    },

    journalctl({ args }) {
      const value = (short: string, long: string): string | undefined => {
        for (const [index, arg] of args.entries()) {
          if (arg === short || arg === long) return args[index + 1];
          if (arg.startsWith(`${long}=`)) return arg.slice(long.length + 1);
          if (/^-\w/.test(arg) && arg.startsWith(short) && arg.length > 2) return arg.slice(2);
          // "-xeu kubelet": several letters, the last of which takes a value.
          if (/^-\w{2,}$/.test(arg) && arg.endsWith(short.slice(1))) return args[index + 1];
        }
        return undefined;
      };
      const name = value('-u', '--unit');
      const all = name === undefined ? [...units.values()].flatMap((unit) => unit.log()) : (find(name)?.log() ?? []);
      const count = value('-n', '--lines');
      const lines = count === undefined || !(Number(count) >= 0) ? all : Number(count) === 0 ? [] : all.slice(-Number(count));
      return says(lines.length === 0 ? '-- No entries --\n' : `${lines.join('\n')}\n`);
    },
  };
}

function changedOnDisk(name: string): string {
  return `Warning: The unit file, source configuration file or drop-ins of ${name} changed on disk. Run 'systemctl daemon-reload' to reload units.\n`;
}

function full(name: string): string {
  return /\.(service|socket|target|timer|mount|slice)$/.test(name) ? name : `${name}.service`;
}

/** Verb and names: options, and the values of those that take one, left out. */
function words(args: readonly string[]): string[] {
  return args.filter((arg, index) => !arg.startsWith('-') && !['-p', '--property', '-n', '--lines', '-o', '--output', '-t', '--type'].includes(args[index - 1] ?? ''));
}

function says(stdout: string): CommandAnswer {
  return { stdout, stderr: '', exitCode: 0 };
}

function fails(stderr: string, exitCode: number): CommandAnswer {
  return { stdout: '', stderr, exitCode };
}
