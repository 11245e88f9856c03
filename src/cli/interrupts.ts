/** Ctrl-C: the first stops at the next safe point, the second leaves at once. The journal is whole in both cases. */

export interface Interrupts {
  onPause(listener: () => void): void;
  onLeave(listener: () => void): void;
  count(): number;
}

export function listenForInterrupts(say: (text: string) => void): Interrupts {
  const pause: (() => void)[] = [];
  const leave: (() => void)[] = [];
  let count = 0;
  const heard = (): void => {
    count += 1;
    if (count === 1) {
      say('Stopping at the next safe point. Ctrl-C again leaves at once; the run can be resumed in both cases.');
      for (const listener of pause) listener();
    } else if (count === 2) {
      say('Leaving now.');
      for (const listener of leave) listener();
    } else process.exit(130);
  };
  process.on('SIGINT', heard);
  process.on('SIGTERM', heard);
  return { onPause: (l) => void pause.push(l), onLeave: (l) => void leave.push(l), count: () => count };
}
