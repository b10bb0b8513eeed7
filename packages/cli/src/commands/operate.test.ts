import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { operateCommands } from './operate.ts';

afterEach(() => vi.unstubAllGlobals());

const run = {
  runId: 'r1',
  pipeline: 'orders',
  version: 1,
  planHash: 'sha256:1',
  key: 'a',
  state: 'succeeded',
  acceptedAtMs: Date.parse('2026-10-01T09:00:00Z'),
  updatedAtMs: Date.parse('2026-10-01T09:05:00Z'),
  owner: 'sales',
  correlationId: 'r1',
  contracts: [],
  input: null,
  steps: [],
};
const show = async (more: object): Promise<string> => {
  const argv = ['runs', 'show', 'r1', '--url', 'http://127.0.0.1:1'];
  return (await runAgainst({ ...run, ...more }, operateCommands, argv, { cwd: tmpdir() })).text;
};

describe('runs show', () => {
  it('says of a run without data why it has none', async () => {
    expect(await show({ isPastRetention: true })).toContain(
      'let go     payload, results and failures are no longer kept (retention; it ended 2026-10-01 09:05:00): `tenon data` says for how long they are\n',
    );
    const erased = { atMs: Date.parse('2026-10-02T09:00:00Z'), actor: 'ana' };
    expect(await show({ erased })).toContain('erased     2026-10-02 09:00:00 by ana');
    expect(await show({ input: { id: 'a' } })).not.toMatch(/let go|erased/);
  });

  it('has the step that failed, with its failure', async () => {
    const failure = { class: 'validation', code: 'CHECK_NOT_MET', message: 'too few items' };
    const steps = [{ id: 'look', state: 'failed', attempts: 1, failure }];
    expect(await show({ state: 'failed', steps })).toMatch(/^look +failed +1 +validation: too few items$/m);
  });
});
