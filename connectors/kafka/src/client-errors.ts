/** Codes of errors that mean: no connection came about, so no request was written. */
const UNCONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
]);

export const UNKNOWN_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION';

/** The protocol's name of the first error that a broker has answered with, however deep it stands. */
export function brokerCode(error: unknown): string | undefined {
  return first(error, (one) => {
    if ('apiId' in one && typeof one.apiId === 'string') return one.apiId;
    // The client keeps the broker's own word on this one to itself.
    return one.message.startsWith('Unknown topic') ? UNKNOWN_TOPIC : undefined;
  });
}

/** The system's code, where connecting is what failed. */
export function unconnected(error: unknown): string | undefined {
  return first(error, (one) =>
    'code' in one && typeof one.code === 'string' && UNCONNECTED.has(one.code) ? one.code : undefined,
  );
}

export function isLoginRefused(error: unknown): boolean {
  const login = (one: Error): true | undefined =>
    'code' in one && one.code === 'PLT_KFK_AUTHENTICATION' ? true : undefined;
  return first(error, login) === true || brokerCode(error) === 'SASL_AUTHENTICATION_FAILED';
}

/** The client wraps errors in errors, as causes and as lists. */
function first<T>(error: unknown, look: (error: Error) => T | undefined): T | undefined {
  if (!(error instanceof Error)) return undefined;
  const found = look(error);
  if (found !== undefined) return found;
  const inner: unknown[] = error instanceof AggregateError ? error.errors : [];
  for (const one of [...inner, error.cause]) {
    const deeper = first(one, look);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}
