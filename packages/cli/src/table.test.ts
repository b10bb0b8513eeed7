import { expect, it } from 'vitest';
import { renderTable } from './table.ts';

it('a table hands no control character of its cells to the terminal, and keeps one line a row', () => {
  const text = renderTable(['KEY', 'STATE'], [['a\u001b[2J\nb', 'failed']]);
  expect(text.split('\n')).toHaveLength(3);
  expect(text).toContain('a\uFFFD[2J b  failed');
});

it('the line below the titles ends with them where the last column has sentences, which wrap', () => {
  const [, rule, row] = renderTable(['KEY', 'WHY'], [['a', 'because '.repeat(30)]]).split('\n');
  expect(rule).toBe(`───  ${'─'.repeat(40)}`);
  expect(row).toBe(`a    ${'because '.repeat(30)}`);
});
