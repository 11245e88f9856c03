/** A node of a staging cluster, as its components and its SSH server see it: files, processes, units, programs. */

export interface NodeFile {
  readonly bytes: Buffer;
  readonly ino: number;
  readonly mode: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** A process of the node, visible below its /proc. */
export interface StagingProcess {
  readonly pid: number;
  readonly name: string;
  /** argv, argv[0] included. */
  readonly args: readonly string[];
  readonly startedAtMs: number;
  /**
   * A file as the process sees it now. A single-file mount keeps the inode of its start, a folder mount shows what is there now.
   * undefined if there is none. Without mounts it sees the node's files.
   */
  read(path: string): Buffer | undefined;
  /** At the end of a file as the process sees it, made 0600 if there is none. Throws what node:fs throws; nothing once it has ended. */
  append(path: string, text: string): void;
  /** Shows a port as LISTEN in /proc/net/tcp until `end`. `peers`: "ADDRESS:PORT" of who is connected to it when ss is asked. */
  listens(port: number, peers?: () => readonly string[]): void;
  /** Called when somebody on the node signals it (kill). */
  onSignal(listener: (signal: string) => void): void;
  /** Removes it from /proc. */
  end(): void;
}

export interface HostMount {
  readonly hostPath: string;
  readonly containerPath: string;
  /** type DirectoryOrCreate: made if there is none (k/k pkg/volume/hostpath). */
  readonly isMade?: true;
}

export interface StartProcess {
  readonly name: string;
  readonly args: readonly string[];
  /** hostPath mounts of its container: files keep their inode, folders do not. undefined: it is a process of the node itself. */
  readonly mounts?: readonly HostMount[];
  /** Programs that can be executed below /proc/PID/root/usr/local/bin (etcdctl and etcdutl in etcd's image). */
  readonly programs?: readonly string[];
  /** Its control group below /: "/system.slice/kubelet.service". */
  readonly cgroup?: string;
  /** Its environment, as /proc/PID/environ shows it. */
  readonly environment?: Readonly<Record<string, string>>;
  /** As whom it runs; without, as root. Files that this user may not read throw `open PATH: permission denied`. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** What `systemctl show` tells of a unit that is made from files. */
export interface UnitFacts {
  readonly fragment: string;
  readonly dropIns: readonly string[];
  readonly environmentFiles: readonly { readonly path: string; readonly mayBeMissing: boolean }[];
  readonly environment: Readonly<Record<string, string>>;
  /** Words of ExecStart=, variables as they stand there. */
  readonly argv: readonly string[];
  readonly startedAtMs: number;
  readonly user: string;
  /** A file of it is another than the one that was loaded. */
  readonly needsReload: boolean;
  readonly activeState: string;
  readonly subState: string;
  readonly result: string;
  readonly restarts: number;
  /** Units that are started before it and stopped after it, if one transaction has both. */
  readonly after: readonly string[];
}

/** A systemd unit. `start` and `stop` resolve when systemctl would return; `start` rejects with a line of systemctl. */
export interface Unit {
  /** Without: a unit of a package, which nobody changes. */
  facts?(): UnitFacts;
  /** daemon-reload. */
  reload?(): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  isActive(): boolean;
  mainPid(): number;
  /** Last lines for journalctl and systemctl status. */
  log(): readonly string[];
}

export interface CommandCall {
  readonly args: readonly string[];
  readonly stdin: Buffer;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface CommandAnswer {
  readonly stdout: string | Uint8Array;
  readonly stderr: string;
  readonly exitCode: number;
}

/** What sshd learns of what ran: `signal` if the login shell itself was ended by one. */
export interface ScriptAnswer extends CommandAnswer {
  readonly stdout: Buffer;
  readonly signal?: string;
}

export interface ScriptOptions {
  readonly user: string;
  readonly stdin: NodeJS.ReadableStream;
  readonly signal: AbortSignal;
  /** Output as it comes; the answer's own stdout and stderr are empty then. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', chunk: Buffer) => void;
  /** Somebody sits at a terminal: a login shell prompts, and standard error comes as standard output. */
  readonly terminal?: boolean;
  /** Hands out what signals all of it, as a terminal does on Ctrl-C. */
  readonly onStart?: (control: { signal(name: string): void }) => void;
}

export interface StagingNode {
  readonly name: string;
  readonly address: string;
  /** Where the node's `/` is on this machine. */
  readonly root: string;

  /** Files by the node's own absolute paths; links are followed. Synchronous: nodes are small. */
  read(path: string): NodeFile | undefined;
  /** Atomically, by rename. Tells the listeners of `onChange`. `owner` is user and group, 0 unless told. */
  write(path: string, bytes: string | Uint8Array, options?: { readonly mode?: number; readonly owner?: number }): void;
  link(path: string, leadsTo: string): void;
  remove(path: string): void;
  list(folder: string): string[];

  /** Called after every script that ran on the node, after every `write`, and when the folders of /etc/kubernetes or the kubelet's pki change. */
  onChange(listener: () => void): () => void;

  start(what: StartProcess): StagingProcess;
  processes(): readonly StagingProcess[];

  /** Makes a unit known to systemctl. */
  unit(name: string, unit: Unit): void;
  /** Makes a program known to scripts: it is on their PATH and answered by this process. */
  command(name: string, answer: (call: CommandCall) => Promise<CommandAnswer>): void;

  /** The node's clock against the machine's, in ms: `date` shows it, and components judge dates by it. */
  skewMs: number;
  /** Off: no process, no SSH. The files stay. Listeners of `onPower` do what belongs to them. */
  readonly isOn: boolean;
  power(on: boolean): Promise<void>;
  onPower(listener: (on: boolean) => Promise<void> | void): void;

  /** Runs what sshd would hand to the login shell; undefined: the login shell itself, which reads commands. `signal` ends it and what it started. */
  exec(line: string | undefined, options: ScriptOptions): Promise<ScriptAnswer>;

  close(): Promise<void>;
}
