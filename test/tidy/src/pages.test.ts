import { expect, it } from 'vitest';
import { generatedPages } from './pages.ts';
import { readRepoFile, repoFiles } from './repo.ts';

it.each(Object.entries(generatedPages()))(
  '%s says what the code says (`pnpm docs:write` mends it)',
  (path, text) => {
    expect(readRepoFile(path)).toBe(text);
  },
);

it('no page names a capability by its number, which says nothing to whoever reads it', () => {
  const pages = repoFiles().filter((file) => file.endsWith('.md'));
  const numbered = pages.flatMap((page) =>
    [...readRepoFile(page).matchAll(/\bC\d{1,3}\b/g)].map(([found]) => `${page}: ${found}`),
  );
  expect(numbered).toEqual([]);
});
