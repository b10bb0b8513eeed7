/**
 * A text from a contract, a spec or a payload, as a terminal may show it: whoever wrote it could otherwise move the
 * cursor, colour or hide lines, or turn the direction of writing. Each such character becomes one sign, so that columns stay.
 */
export function printable(text: string): string {
  return text.replaceAll(/(?![\t\n]|\r\n)[\p{Cc}\p{Bidi_Control}]/gu, '\uFFFD');
}

/** The same of what is one of several: a line break in it would look like the next. */
export function oneLine(text: string): string {
  return printable(text).replaceAll(/\s/g, ' ');
}

/**
 * Writes to a stream that may be a terminal. Commands make what they quote `printable`; one that forgets it, and what libraries say, must not
 * reach a terminal as more than text either. Of control sequences our own colours pass alone.
 */
export function terminalWriter(stream: {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}): (text: string) => void {
  return (text) => {
    stream.write(stream.isTTY ? text.split(COLOURS).map(asShown).join('') : text);
  };
}

/** As `painter` and the conformance report write them; kept by `split`, for it is captured. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what colours begin with
const COLOURS = /(\u001b\[(?:[012]|3[1236]|1;3[1236])m)/;

function asShown(part: string): string {
  return COLOURS.test(part) ? part : printable(part);
}
