const SINKS = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const;

/** Runs `act` and gives back all that was printed meanwhile, by the console or straight to a stream; it is not shown. */
export async function captured(act: () => Promise<unknown>): Promise<string> {
  const printed: string[] = [];
  const keep = (...values: unknown[]): void => {
    printed.push(values.map((value) => (typeof value === 'string' ? value : safeText(value))).join(' '));
  };
  const before = SINKS.map((name) => [name, console[name]] as const);
  const streams = [process.stdout, process.stderr].map((stream) => [stream, stream.write] as const);
  for (const name of SINKS) console[name] = keep;
  for (const [stream] of streams)
    stream.write = ((chunk: unknown): boolean => {
      keep(typeof chunk === 'string' ? chunk : Buffer.from(chunk as Uint8Array).toString('utf8'));
      return true;
      // The overloads of `write` differ in arguments that a capture has no use for.
    }) as typeof stream.write;
  try {
    await act();
  } finally {
    for (const [name, sink] of before) console[name] = sink;
    for (const [stream, write] of streams) stream.write = write;
  }
  return printed.join('\n');
}

function safeText(value: unknown): string {
  if (value instanceof Error) return value.stack ?? value.message;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
