import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repoRoot } from './demo/child.ts';
import { emailOf, startWorld, type World } from './demo/world.ts';
import { tenon } from './tenon.ts';

const ACCOUNT = 'acc_7777';
const CANARY = emailOf(ACCOUNT);

describe('a mail address that its contract calls personal', () => {
  let world: World;
  let runId: string;
  beforeAll(async () => {
    world = await startWorld([ACCOUNT]);
    const ended = world.tenon.waitFor(
      ({ kind, details }) => kind === 'state' && details?.['to'] === 'succeeded',
      'the run to end',
    );
    await world.deliverUpgrade({ account: ACCOUNT });
    runId = (await ended).runId!;
  });
  afterAll(() => world.close());

  const ask = (...argv: string[]): ReturnType<typeof tenon> =>
    tenon(repoRoot, [...argv, '--url', world.tenon.url]);

  it('is in the payload that a resumed run needs, and in no log, answer or entry of the ledger', async () => {
    expect(bytes(world.tenon.engineFile)).toContain(CANARY);
    expect(JSON.stringify(world.tenon.lines)).not.toContain(CANARY);
    for (const argv of [['runs', 'ls'], ['runs', 'show', runId], ['runs', 'trace', runId], ['dead-letters']])
      for (const format of ['json', 'human'])
        expect((await ask(...argv, '--format', format)).out).not.toContain(CANARY);
    const db = new DatabaseSync(world.tenon.engineFile, { readOnly: true });
    const facts = db.prepare('SELECT facts FROM ledger').all();
    db.close();
    expect(JSON.stringify(facts)).not.toContain(CANARY);
  });

  it('is in no byte of the database or its write-ahead log once it is erased, and the ledger verifies', async () => {
    const dry = await ask('erase', '--subject', CANARY, '--reason', 'request 17');
    expect(dry).toMatchObject({ code: 5, out: expect.stringContaining(runId) });
    const erased = await ask('erase', '--subject', CANARY, '--reason', 'request 17', '--apply');
    expect(erased).toMatchObject({ code: 0, err: expect.stringContaining('erased: 1 run') });
    expect(bytes(world.tenon.engineFile)).not.toContain(CANARY);
    expect((await ask('runs', 'trace', runId)).out).toContain('erased');
    await world.tenon.stop();
    expect(bytes(world.tenon.engineFile)).not.toContain(CANARY);
    expect(await tenon(repoRoot, ['audit', 'verify', '--file', world.tenon.engineFile])).toMatchObject({
      code: 0,
    });
  });
});

function bytes(file: string): string {
  return ['', '-wal', '-shm']
    .map((suffix) => file + suffix)
    .filter(existsSync)
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
}
