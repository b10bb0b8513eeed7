/**
 * A text from a contract, a spec or a payload, as a terminal may show it: whoever wrote it could otherwise move the
 * cursor, colour or hide lines, or turn the direction of writing. Each such character becomes one sign, so that columns stay.
 */
export function printable(text: string): string {
  return text.replaceAll(/(?![\t\n\r])[\p{Cc}\p{Bidi_Control}]/gu, '\uFFFD');
}

/** The same of what is one of several: a line break in it would look like the next. */
export function oneLine(text: string): string {
  return printable(text).replaceAll(/\s/g, ' ');
}
