import type { Json } from '@tenon/model';

/** What a cell holds and how it is written. Nothing is guessed: what is not written so is a problem of its row. */
export type Cell =
  | { readonly is: 'text' }
  | { readonly is: 'integer' }
  | { readonly is: 'number'; readonly decimal: '.' | ','; readonly group?: '.' | ',' | ' ' | "'" }
  | { readonly is: 'boolean'; readonly true: string; readonly false: string }
  /** `dd`, `MM` and `yyyy`, each once, with anything between them: becomes an ISO date. */
  | { readonly is: 'date'; readonly pattern: string };

export type CellRead = { readonly value: Json } | { readonly problem: string };

export function readCell(text: string, cell: Cell): CellRead {
  switch (cell.is) {
    case 'text':
      return { value: text };
    case 'integer': {
      if (!/^-?\d+$/.test(text)) return { problem: 'is not a whole number' };
      const value = Number(text);
      // One that no double can hold keeps its digits, as everywhere.
      return { value: Number.isSafeInteger(value) ? value : text };
    }
    case 'number':
      return readNumber(text, cell);
    case 'boolean':
      if (text === cell.true) return { value: true };
      if (text === cell.false) return { value: false };
      return { problem: `is neither ${cell.true} nor ${cell.false}` };
    case 'date':
      return readDate(text, cell.pattern);
  }
}

/** The same value as text; `undefined` where a cell of this kind cannot hold it. */
export function writeCell(value: Json, cell: Cell): string | undefined {
  switch (cell.is) {
    case 'text':
      return typeof value === 'string' ? value : undefined;
    case 'integer':
      return (typeof value === 'number' && Number.isSafeInteger(value)) ||
        (typeof value === 'string' && /^-?\d+$/.test(value))
        ? String(value)
        : undefined;
    case 'number': {
      if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
      const plain = String(value);
      return plain.includes('e') ? undefined : plain.replace('.', cell.decimal);
    }
    case 'boolean':
      return typeof value === 'boolean' ? cell[value ? 'true' : 'false'] : undefined;
    case 'date': {
      const parts = typeof value === 'string' ? /^(\d{4})-(\d\d)-(\d\d)$/.exec(value) : null;
      if (parts === null) return undefined;
      const [, year = '', month = '', day = ''] = parts;
      return cell.pattern.replace('yyyy', year).replace('MM', month).replace('dd', day);
    }
  }
}

function readNumber(text: string, { decimal, group }: Extract<Cell, { is: 'number' }>): CellRead {
  const d = escaped(decimal);
  const whole = group === undefined ? '\\d+' : `(?:\\d{1,3}(?:${escaped(group)}\\d{3})+|\\d+)`;
  if (!new RegExp(`^-?${whole}(?:${d}\\d+)?$`).test(text))
    return { problem: `is not a number written with ${decimal} before its decimals` };
  const plain = group === undefined ? text : text.replaceAll(group, '');
  return { value: Number(plain.replace(decimal, '.')) };
}

function readDate(text: string, pattern: string): CellRead {
  const expression = escaped(pattern)
    .replace('yyyy', '(?<year>\\d{4})')
    .replace('MM', '(?<month>\\d\\d)')
    .replace('dd', '(?<day>\\d\\d)');
  const { year, month, day } = new RegExp(`^${expression}$`).exec(text)?.groups ?? {};
  const date = `${year}-${month}-${day}`;
  const at = new Date(`${date}T00:00:00Z`);
  // The 31st of a month that has thirty days would become the first of the next.
  const isDay = !Number.isNaN(at.getTime()) && at.toISOString().startsWith(date);
  return isDay ? { value: date } : { problem: `is not a day written as ${pattern}` };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
