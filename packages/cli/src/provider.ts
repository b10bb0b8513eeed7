/** A real system that is held against a contract. */
export interface Provider {
  readonly url: string;
  /** To send it with each request. */
  readonly headers: Readonly<Record<string, string>>;
}

/** As long as a system that wakes up first may take. */
const ANSWER_MS = 30_000;

/** Why nothing at all comes from there; `undefined` where any answer does, whatever its status: of what it says others judge. */
export async function unreachable({ url, headers }: Provider): Promise<string | undefined> {
  const unsendable = Object.keys(headers).find((name) => !FIT_FOR_A_HEADER.test(headers[name]!));
  // Said here: `fetch` would quote it, and it may be a credential.
  if (unsendable !== undefined)
    return `the header ${unsendable} holds a line break, or another character that no header may hold`;
  try {
    const response = await fetch(url, {
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    await response.body?.cancel();
    return undefined;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError')
      return `no answer within ${ANSWER_MS / 1_000} s`;
    return causeOf(error);
  }
}

const FIT_FOR_A_HEADER = /^[\t\x20-\x7e\x80-\xff]*$/;

/** `fetch` hides it in its cause. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error)
    return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
  return error.message;
}
