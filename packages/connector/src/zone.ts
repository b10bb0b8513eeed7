/** Is it the IANA name of a time zone? An offset would be taken by `Intl` too, and knows nothing of summer time. */
export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return !/^[+-]/.test(name);
  } catch {
    return false;
  }
}
