import type { Column } from '../text/table.ts';

/** Over which connection the events came, where any came over one: else there is nothing to tell apart. */
export function connectionColumn(
  rows: readonly { readonly connection?: string }[],
  gives: Pick<Column, 'drop' | 'below'>,
): {
  readonly titles: readonly Column[];
  readonly cell: (row: { readonly connection?: string }) => readonly string[];
} {
  return rows.some(({ connection }) => connection !== undefined)
    ? { titles: [{ title: 'CONNECTION', ...gives }], cell: ({ connection }) => [connection ?? ''] }
    : { titles: [], cell: () => [] };
}
