import { expect, it } from 'vitest';
import { renderTable } from './table.ts';

it('a table hands no control character of its cells to the terminal, and keeps one line a row', () => {
  const text = renderTable(['KEY', 'STATE'], [['a\u001b[2J\nb', 'failed']]);
  expect(text.split('\n')).toHaveLength(3);
  expect(text).toContain('a\uFFFD[2J b  failed');
});
