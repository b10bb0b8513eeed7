/** Keys of a responses object: a status, a range of them, or all others. */
export const STATUS = /^(?:[1-5](?:\d\d|XX)|default)$/i;

/** `404 Not Found` means 404; `undefined` where no status can be made out. */
export function statusMeant(key: string): string | undefined {
  if (key.toLowerCase() === 'default') return 'default';
  return STATUS.test(key) ? key.toUpperCase() : /^[1-5]\d\d\b/.exec(key)?.[0];
}
