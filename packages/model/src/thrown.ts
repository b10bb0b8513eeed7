const NAME = /^\w{1,60}$/;
const FRAME = /^\s+at (?:.* \()?(?:file:\/\/)?([^()]+:\d+:\d+)\)?$/;

/**
 * What may be said of anything that was thrown, by whomever: its name, and where. Its message may quote what it failed on: that of
 * `JSON.parse` does, and what a connector's own code says nobody has looked at.
 */
export function thrownAt(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'a thrown value';
  const name = NAME.test(thrown.name) ? thrown.name : 'Error';
  const place = framesOf(thrown)
    .map((line) => FRAME.exec(line)?.[1])
    .find((one) => one !== undefined && !one.startsWith('node:'));
  return place === undefined ? name : `${name} at ${place}`;
}

/** The lines of a stack below its message, which stands above them and may have lines of its own. */
export function framesOf({ stack, message }: Error): readonly string[] {
  const at = stack?.indexOf(message) ?? -1;
  return at < 0
    ? []
    : stack!
        .slice(at + message.length)
        .split('\n')
        .slice(1);
}
