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

/** A header that people put a credential in, as far as its name tells. */
const CREDENTIAL = /auth|cookie|key|token|secret|session|signature|password|credential/i;
/** What is shorter would be found in any text. */
const HIDDEN_LENGTH_MIN = 4;

/** A text of or about a provider without the credentials that it was sent, which it may quote, whole or in parts. */
export function withoutCredentials(text: string, { headers }: Provider): string {
  const secrets = Object.entries(headers)
    .filter(([name]) => CREDENTIAL.test(name))
    .flatMap(([name, value]) => partsOf(value).map((part) => ({ name, part })))
    .flatMap(({ name, part }) => formsOf(part).map((form) => ({ name, form })))
    .filter(({ form }) => form.length >= HIDDEN_LENGTH_MIN)
    // What a shorter one would leave of a longer one is part of the credential too.
    .toSorted((a, b) => b.form.length - a.form.length);
  return secrets.reduce((shown, { name, form }) => shown.replaceAll(form, `[${name}]`), text);
}

/** The value, what follows its scheme, a login's name and password, and the values of cookies. */
function partsOf(value: string): readonly string[] {
  const credential = /^\S+ +(.+)$/.exec(value)?.[1];
  const login = /^basic +(.+)$/i.exec(value)?.[1];
  const pairs = login === undefined ? [] : Buffer.from(login, 'base64').toString().split(/:(.*)/s);
  const cookies = value.split(';').flatMap((pair) => /^[^=]+=(.+)$/.exec(pair.trim())?.[1] ?? []);
  return [
    value,
    credential ?? '',
    login?.replace(/=+$/, '') ?? '',
    pairs.slice(0, 2).join(':'),
    pairs[1] ?? '',
    ...cookies,
  ];
}

function formsOf(part: string): readonly string[] {
  return [part, JSON.stringify(part).slice(1, -1), encodeURIComponent(part)];
}
