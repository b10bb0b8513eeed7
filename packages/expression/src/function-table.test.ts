import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { errorTable, functionTable } from './function-table.ts';

const file = new URL('../../../docs/expressions.md', import.meta.url);

it.each([
  ['functions', functionTable],
  ['errors', errorTable],
])('docs/expressions.md shows all %s; UPDATE_DOCS=1 writes them there', (name, table) => {
  const text = readFileSync(file, 'utf8');
  const [start, end] = [`<!-- ${name}: generated -->\n`, `<!-- /${name} -->`];
  const [before, rest] = text.split(start);
  const after = rest!.slice(rest!.indexOf(end));
  const expected = `${before}${start}${table()}\n${after}`;
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, expected);
  expect(readFileSync(file, 'utf8')).toBe(expected);
});
