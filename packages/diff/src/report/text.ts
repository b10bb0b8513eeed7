import type { Json } from '@tenon/model';

/** JSON on one line, cut at a length. */
export function shortJson(value: Json, charsMax: number): string {
  const text = JSON.stringify(value);
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`;
}
