/** Tells the story as it happens: chapters, what was done, what was seen, and whether that is as promised. */
export interface Teller {
  chapter(title: string): void;
  does(text: string): void;
  /** A fact that must hold: printed with ✓ or ✗, and counted. */
  sees(text: string, holds: boolean): void;
  note(text: string): void;
  /** Facts that did not hold. */
  readonly failures: readonly string[];
}

export function teller(isQuiet: boolean, color: boolean): Teller {
  const failures: string[] = [];
  const paint = (code: string, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const say = (text: string): void => {
    if (!isQuiet) console.log(text);
  };
  let chapters = 0;
  return {
    failures,
    chapter: (title) => {
      chapters += 1;
      say(`\n${paint('1;36', `${chapters}  ${title}`)}`);
    },
    does: (text) => say(`   ${paint('2', '→')} ${text}`),
    sees: (text, holds) => {
      if (!holds) failures.push(text);
      if (holds) say(`   ${paint('1;32', '✓')} ${text}`);
      else console.log(`   ${paint('1;31', '✗')} ${text}`);
    },
    note: (text) => say(`     ${paint('2', text)}`),
  };
}
