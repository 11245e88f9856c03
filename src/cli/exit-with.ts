/** The end of the process, once all that it has said has been taken. */

/** What is still on its way to a reader that is slower than we are would be lost with the process: a plan in JSON is larger than a pipe. */
export async function exitWith(code: number): Promise<never> {
  await Promise.all([process.stdout, process.stderr].map(written));
  process.exit(code);
}

/** A reader that is gone takes nothing any more, and must not hold us. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0 || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('close', () => resolve());
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}
