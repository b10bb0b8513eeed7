/** What a listing goes by, as it is kept and compared; `undefined` for what is no cursor. */
export function cursorText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Does `a` come later than `b`? Numbers and times by what they stand for, anything else by its letters. */
export function isAfter(a: string, b: string): boolean {
  const [x, y] = [place(a), place(b)];
  return x !== undefined && y !== undefined ? x > y : a > b;
}

/** A number, or a time as one. */
function place(text: string): number | undefined {
  const number = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isNaN(number) ? undefined : number;
}
