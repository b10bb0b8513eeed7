import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { HERE } from '../testing/operated-run.ts';
import { operateCommands } from './operate.ts';

afterEach(() => vi.unstubAllGlobals());

describe('what is given as a result', () => {
  it.each([
    ['{id:"B-7"}', 'at 1:2: expected a key in double quotes, found "id"; Put the key in double quotes.'],
    ['{"id":\n "B-7",}', 'at 2:8: '],
    ['B-7', 'at 1:1: '],
    ['{"id":', 'at 1:7: '],
  ])('and is not JSON, is refused with where and why: %j', async (result, says) => {
    for (const line of [
      ['runs', 'done', 'r1', 'book'],
      ['in-doubt', 'settle', 'r1', 'book', '--verdict', 'confirm'],
    ]) {
      const argv = [...line, '--result', result, '--reason', 'why', ...HERE];
      const { text, code, sent } = await runAgainst({}, operateCommands, argv, { cwd: tmpdir() });
      expect(text).toContain(`--result is not JSON ${says}`);
      expect([code, sent]).toEqual([2, []]);
    }
  });
});
