/** What a stage did: nothing, because all was there already, or something. */
export type StageOutcome = boolean;

export interface StageReport {
  readonly name: string;
  readonly seconds: number;
  readonly changed: boolean;
}

/** Runs stages in order and says how long each took. A stage looks for itself whether it has anything to do. */
export class Stages {
  readonly reports: StageReport[] = [];
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  async run(name: string, work: () => Promise<StageOutcome>): Promise<void> {
    const started = performance.now();
    let changed: boolean;
    try {
      changed = await work();
    } catch (error) {
      this.#print(`${name}: failed after ${((performance.now() - started) / 1000).toFixed(1)} s`);
      throw error;
    }
    const seconds = (performance.now() - started) / 1000;
    this.reports.push({ name, seconds, changed });
    this.#print(`${seconds.toFixed(1).padStart(7)} s  ${name}${changed ? '' : ' (nothing to do)'}`);
  }

  note(line: string): void {
    this.#print(`           ${line}`);
  }

  summary(): string {
    const total = this.reports.reduce((sum, report) => sum + report.seconds, 0);
    const changed = this.reports.filter((report) => report.changed).length;
    return `${total.toFixed(1).padStart(7)} s  in all; ${changed === 0 ? 'nothing changed' : `${changed} of ${this.reports.length} stages had something to do`}`;
  }
}
