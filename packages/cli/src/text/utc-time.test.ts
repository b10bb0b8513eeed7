import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { operateCommands } from '../commands/operate.ts';
import { runAgainst } from '../testing/fake-server.ts';
import { HERE, operatedRun as run } from '../testing/operated-run.ts';
import { parseTime } from './utc-time.ts';

afterEach(() => vi.unstubAllGlobals());

describe('a time', () => {
  it('is said in UTC, and says so', async () => {
    const { text } = await runAgainst({ runs: [run] }, operateCommands, ['runs', 'ls', ...HERE], {
      cwd: tmpdir(),
    });
    expect(text).toContain(' 2026-10-01 09:00:00Z ');
  });

  it.each([
    ['2026-10-01T09:00:00Z', Date.parse('2026-10-01T09:00:00Z')],
    ['2026-10-01 09:00:00Z', Date.parse('2026-10-01T09:00:00Z')],
    ['2026-10-01T09:00+02:00', Date.parse('2026-10-01T07:00:00Z')],
  ])('%s is taken as it says', (text, at) => expect(parseTime(text, '--from')).toBe(at));

  it.each([
    ['2026-10-01T09:00:00', '--from says no zone: 2026-10-01T09:00:00Z is UTC'],
    ['2026-10-01', '--from says no zone: 2026-10-01T00:00:00Z is UTC'],
    ['14', '--from is no time such as'],
    ['yesterday', '--from is no time such as'],
    ['2026-13-01', '--from is no time such as'],
  ])('%s is none, and that is said', (text, says) => expect(() => parseTime(text, '--from')).toThrow(says));
});
