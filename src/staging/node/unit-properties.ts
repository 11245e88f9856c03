/** What `systemctl show` and `status` tell of a unit, in the forms of systemd 252. */

import type { ProcessTable } from './proc.js';
import type { Unit, UnitFacts } from './staging-node.js';

/** With these `show` answers when it is not asked for any. */
const usual = ['Id', 'LoadState', 'ActiveState', 'SubState', 'MainPID', 'ActiveEnterTimestampMonotonic', 'FragmentPath'];

export function fragmentOf(name: string, unit: Unit | undefined): string {
  return unit === undefined ? '' : (unit.facts?.().fragment ?? `/lib/systemd/system/${name}`);
}

/** ActiveState, SubState. */
export function stateOf(unit: Unit | undefined): readonly [active: string, sub: string] {
  const facts = unit?.facts?.();
  if (facts !== undefined) return [facts.activeState, facts.subState];
  return unit?.isActive() === true ? ['active', 'running'] : ['inactive', 'dead'];
}

function valuesOf(name: string, unit: Unit | undefined, processes: ProcessTable): Readonly<Record<string, string | readonly string[]>> {
  const facts = unit?.facts?.();
  const [active, sub] = stateOf(unit);
  const pid = unit?.isActive() === true ? unit.mainPid() : 0;
  const sinceUs = pid === 0 ? 0 : (processes.startTicks(pid) ?? 0) * 10_000;
  return {
    Id: name,
    Names: name,
    LoadState: unit === undefined ? 'not-found' : 'loaded',
    ActiveState: active,
    SubState: sub,
    UnitFileState: unit === undefined ? '' : 'enabled',
    Result: facts?.result ?? 'success',
    NRestarts: String(facts?.restarts ?? 0),
    MainPID: String(pid),
    ExecMainPID: String(pid),
    ActiveEnterTimestampMonotonic: String(sinceUs),
    ExecMainStartTimestampMonotonic: String(sinceUs),
    FragmentPath: fragmentOf(name, unit),
    DropInPaths: (facts?.dropIns ?? []).join(' '),
    User: facts?.user ?? '',
    ExecStart: facts === undefined ? [] : execStart(facts, pid),
    Environment: Object.entries(facts?.environment ?? {})
      .map(([key, value]) => (/\s/.test(value) ? `"${key}=${value}"` : `${key}=${value}`))
      .join(' '),
    NeedDaemonReload: facts?.needsReload === true ? 'yes' : 'no',
    After: (facts?.after ?? []).join(' '),
    // A line for each: systemctl-show.c print_property. None for none.
    EnvironmentFiles: (facts?.environmentFiles ?? []).map(({ path, mayBeMissing }) => `${path} (ignore_errors=${mayBeMissing ? 'yes' : 'no'})`),
  };
}

/** As systemctl-show.c prints it: words with blanks between, not quoted. */
function execStart({ argv, startedAtMs }: UnitFacts, pid: number): string {
  const since = startedAtMs === 0 ? 'n/a' : `${new Date(startedAtMs).toUTCString().slice(0, 3)} ${new Date(startedAtMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  return `{ path=${argv[0] ?? ''} ; argv[]=${argv.join(' ')} ; ignore_errors=no ; start_time=[${since}] ; stop_time=[n/a] ; pid=${pid} ; code=(null) ; status=0/0 }`;
}

/** Units are set apart by an empty line. */
export function showUnits(args: readonly string[], units: readonly (readonly [name: string, unit: Unit | undefined])[], processes: ProcessTable): string {
  const keys = args
    .flatMap((arg, index) => (arg === '-p' || arg === '--property' ? (args[index + 1] ?? '') : /^(?:-p|--property=)./.test(arg) ? arg.replace(/^(?:-p|--property=)/, '') : ''))
    .flatMap((text) => text.split(','))
    .filter((key) => key !== '');
  const bare = args.includes('--value');
  return units
    .map(([name, unit]) => {
      const values = valuesOf(name, unit, processes);
      return (keys.length > 0 ? keys : usual)
        .flatMap((key) => [values[key] ?? ''].flat().map((value) => (bare ? value : `${key}=${value}`)))
        .map((line) => `${line}\n`)
        .join('');
    })
    .join('\n');
}

export function statusOf(name: string, unit: Unit): string {
  const [active, sub] = stateOf(unit);
  const dot = active === 'active' ? '●' : active === 'failed' ? '×' : '○';
  const pid = unit.isActive() ? `   Main PID: ${unit.mainPid()} (${name.replace(/\.service$/, '')})\n` : '';
  return `${dot} ${name}\n     Loaded: loaded (${fragmentOf(name, unit)}; enabled; preset: enabled)\n     Active: ${active} (${sub})\n${pid}\n${unit.log().slice(-10).join('\n')}\n`;
}
