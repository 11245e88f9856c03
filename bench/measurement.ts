/** What one measurement gives: rows of ours beside a baseline that ran in the same minute on the same machine. */

export interface Row {
  /** What was measured, with its unit: "one fact, ms". */
  readonly measurement: string;
  readonly ours: number;
  readonly baseline: number;
  /** What the baseline is. */
  readonly against: string;
}

export interface Skipped {
  readonly skipped: string;
}

export interface Measurement {
  /** By which it is asked for on the command line. */
  readonly name: string;
  /** It takes many minutes: without its name it is left out. */
  readonly onlyWhenAsked?: true;
  run(): Promise<readonly Row[] | Skipped>;
}
