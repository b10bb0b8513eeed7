/** The code of an error, where it looks like one: some libraries hand on what a server calls its own error, and that may be any text. */
export function shownCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^[A-Za-z0-9_.:-]{1,64}$/.test(code) ? code : undefined;
}
