/** The list that a text was most likely to be, as it is written: `[a, b]` for `a, b`. Absent where it holds anything but words. */
export function listMeant(text: string): string | undefined {
  const items = text.split(',').map((item) => item.trim());
  const isList = text.length <= LIST_CHARACTERS_MAX && items.every((item) => WORD.test(item));
  return isList ? `[${items.join(', ')}]` : undefined;
}

/** What is repeated in a message is short. */
const LIST_CHARACTERS_MAX = 60;
const WORD = /^[\p{L}\d][\p{L}\d._/-]*$/u;

/**
 * Is a key no key but the rest of a text? Between braces a comma ends a text without quotes (`{ note: sold, and gone }`), and what stands behind it is
 * read as a key without a value. `keyEnd`: the offset just after the key.
 */
export function isTornAtComma(text: string, keyEnd: number): boolean {
  return /^\s*[,}]/.test(text.slice(keyEnd, keyEnd + SPACE_MAX));
}

const SPACE_MAX = 100;
