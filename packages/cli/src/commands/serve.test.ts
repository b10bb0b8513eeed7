import { describe, expect, it } from 'vitest';
import { isWatched } from './serve.ts';

describe('what `tenon dev` reloads at', () => {
  it.each([
    ['pipelines/a.pipeline.yaml', true],
    ['contracts/shop/openapi.yaml', true],
    ['data/tenon.db', false],
    ['data/tenon.db-wal', false],
    ['data/tenon.db.lock', false],
    ['data/tenon.dbx', true],
    ['.tenon/operator.token', false],
    ['generated/shop/types.d.ts', false],
  ])('%s: %s', (file, reloads) => {
    expect(isWatched(file, 'data/tenon.db')).toBe(reloads);
  });
});
