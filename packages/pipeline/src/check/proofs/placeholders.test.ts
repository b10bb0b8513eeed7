import { expect, test } from 'vitest';
import { isPlaceholder } from './placeholders.ts';

test.each(['TODO: which one?', 'TODO:', 'TODO'])(
  '%j stands for a value that is still to be given',
  (value) => {
    expect(isPlaceholder(value)).toBe(true);
  },
);

test.each(['TODO list of ann', 'TODOS', 'see TODO: that', "${ 'TODO' }", 0, null])(
  '%j is what somebody wrote',
  (value) => {
    expect(isPlaceholder(value)).toBe(false);
  },
);
