/** systemctl and journalctl of a node, for its units: what they print and how they exit, as systemd 252 does. */

import type { ProcessTable } from './proc.js';
import type { CommandAnswer, CommandCall, Unit } from './staging-node.js';

interface Known {
  readonly unit: Unit;
  /** For ActiveEnterTimestamp when a unit has no process. */
  activeSinceMs: number;
}

export interface Systemd {
  add(name: string, unit: Unit): void;
  systemctl(call: CommandCall, user: string): Promise<CommandAnswer>;
  journalctl(call: CommandCall): CommandAnswer;
}

/** `unitFile` reads the text of a unit below the node's /etc or /lib. */
export function systemd(about: { readonly node: string; readonly processes: ProcessTable; unitFile(name: string): string | undefined }): Systemd {
  const units = new Map<string, Known>();

  function find(name: string): Known | undefined {
    return units.get(full(name));
  }

  async function change(verb: string, names: readonly string[], user: string): Promise<CommandAnswer> {
    for (const name of names.map(full)) {
      if (user !== 'root') return fails(`Failed to ${verb} ${name}: Interactive authentication required.\nSee system logs and 'systemctl status ${name}' for details.\n`, 1);
      const known = units.get(name);
      if (known === undefined) return fails(`Failed to ${verb} ${name}: Unit ${name} not found.\n`, 5);
      try {
        const wasActive = known.unit.isActive();
        if (verb === 'try-restart' && !wasActive) continue;
        if (verb !== 'start' && wasActive) await known.unit.stop();
        if (verb !== 'stop' && !known.unit.isActive()) {
          await known.unit.start();
          known.activeSinceMs = Date.now();
        }
      } catch {
        return fails(`Job for ${name} failed because the control process exited with error code.\nSee "systemctl status ${name}" and "journalctl -xeu ${name}" for details.\n`, 1);
      }
    }
    return says('');
  }

  function property(name: string, key: string): string {
    const known = find(name);
    const active = known?.unit.isActive() === true;
    const pid = active ? (known?.unit.mainPid() ?? 0) : 0;
    const sinceUs = pid === 0 ? 0 : (about.processes.startTicks(pid) ?? 0) * 10_000;
    const values: Record<string, string> = {
      Id: full(name),
      Names: full(name),
      LoadState: known === undefined ? 'not-found' : 'loaded',
      ActiveState: active ? 'active' : 'inactive',
      SubState: active ? 'running' : 'dead',
      UnitFileState: known === undefined ? '' : 'enabled',
      MainPID: String(pid),
      ExecMainPID: String(pid),
      ActiveEnterTimestampMonotonic: String(sinceUs),
      ExecMainStartTimestampMonotonic: String(sinceUs),
      FragmentPath: known === undefined ? '' : `/lib/systemd/system/${full(name)}`,
    };
    return values[key] ?? '';
  }

  function show(args: readonly string[], names: readonly string[]): CommandAnswer {
    const keys = args
      .flatMap((arg, index) => (arg === '-p' || arg === '--property' ? (args[index + 1] ?? '') : /^(?:-p|--property=)./.test(arg) ? arg.replace(/^(?:-p|--property=)/, '') : ''))
      .flatMap((text) => text.split(','))
      .filter((key) => key !== '');
    const wanted = keys.length > 0 ? keys : ['Id', 'LoadState', 'ActiveState', 'SubState', 'MainPID', 'ActiveEnterTimestampMonotonic', 'FragmentPath'];
    const bare = args.includes('--value');
    return says(
      names
        .flatMap((name) => wanted.map((key) => (bare ? property(name, key) : `${key}=${property(name, key)}`)))
        .join('\n')
        .concat('\n'),
    );
  }

  function status(names: readonly string[]): CommandAnswer {
    const texts: string[] = [];
    let exitCode = 0;
    for (const name of names) {
      const known = find(name);
      if (known === undefined) return fails(`Unit ${full(name)} could not be found.\n`, 4);
      const active = known.unit.isActive();
      exitCode = active ? exitCode : 3;
      texts.push(
        `${active ? '●' : '○'} ${full(name)}\n     Loaded: loaded (/lib/systemd/system/${full(name)}; enabled; preset: enabled)\n     Active: ${active ? 'active (running)' : 'inactive (dead)'}\n${active ? `   Main PID: ${known.unit.mainPid()} (${full(name).replace(/\.service$/, '')})\n` : ''}\n${known.unit.log().slice(-10).join('\n')}\n`,
      );
    }
    return { stdout: texts.join('\n'), stderr: '', exitCode };
  }

  return {
    add: (name, unit) => void units.set(full(name), { unit, activeSinceMs: 0 }),

    async systemctl({ args }, user) {
      const [verb = 'list-units', ...names] = words(args);
      switch (verb) {
        case 'restart':
        case 'start':
        case 'stop':
        case 'try-restart':
          return change(verb, names, user);
        case 'reload-or-restart':
          return change('restart', names, user);
        case 'is-active': {
          const states = names.map((name) => property(name, 'ActiveState'));
          const stdout = args.includes('-q') || args.includes('--quiet') ? '' : `${states.join('\n')}\n`;
          return { stdout, stderr: '', exitCode: states.includes('active') ? 0 : 3 };
        }
        case 'is-enabled': {
          const known = names.map(find);
          if (known.includes(undefined)) return fails(`Failed to get unit file state for ${full(names[known.indexOf(undefined)] ?? '')}: No such file or directory\n`, 1);
          return says(`${known.map(() => 'enabled').join('\n')}\n`);
        }
        case 'show':
          return show(args, names);
        case 'status':
          return status(names);
        case 'cat': {
          const texts = names.map((name) => about.unitFile(full(name)));
          return texts.includes(undefined) ? fails(`No files found for ${full(names[0] ?? '')}.\n`, 1) : says(texts.join('\n'));
        }
        case 'enable':
        case 'disable':
        case 'daemon-reload':
        case 'reset-failed':
          return user === 'root' ? says('') : fails(`Failed to ${verb}: Interactive authentication required.\n`, 1);
        case 'list-units':
          return says(
            [...units]
              .map(([name, { unit }]) => `  ${name} loaded ${unit.isActive() ? 'active   running' : 'inactive dead   '} ${name.replace(/\.service$/, '')}`)
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
      const all = name === undefined ? [...units.values()].flatMap((known) => known.unit.log()) : (find(name)?.unit.log() ?? []);
      const count = value('-n', '--lines');
      const lines = count === undefined || !(Number(count) >= 0) ? all : Number(count) === 0 ? [] : all.slice(-Number(count));
      return says(lines.length === 0 ? '-- No entries --\n' : `${lines.join('\n')}\n`);
    },
  };
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
