import { expect, it } from 'vitest';
import { generatedPages } from './pages.ts';
import { readRepoFile } from './repo.ts';

it.each(Object.entries(generatedPages()))(
  '%s says what the code says (`pnpm docs:write` mends it)',
  (path, text) => {
    expect(readRepoFile(path)).toBe(text);
  },
);
