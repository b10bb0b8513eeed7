import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repoRoot } from './demo/child.ts';
import { startWorld, type World } from './demo/world.ts';
import { tenon } from './tenon.ts';

const ACCOUNTS = ['acc_7001', 'acc_7002', 'acc_7003'];

describe('the ledger of a real tenon serve', () => {
  let world: World;
  let file: string;
  beforeAll(async () => {
    world = await startWorld(ACCOUNTS);
    file = world.tenon.engineFile;
    const since = world.tenon.lines.length;
    for (const account of ACCOUNTS) {
      await world.deliverUpgrade({ account });
      await world.tenon.waitFor(
        ({ kind, details }) => kind === 'state' && details?.['to'] === 'succeeded',
        'a run to end',
        20_000,
        since,
      );
    }
    await world.tenon.stop();
  });
  afterAll(() => world.close());

  it('is sound when it was stopped, and every row is signed', async () => {
    const { code, out } = await tenon(repoRoot, ['audit', 'verify', '--file', file]);
    expect(out).toMatch(/✓ sound: \d+ entries in \d+ rows/);
    expect(out).toMatch(/cover every row/);
    expect(code).toBe(0);
  });

  it('is signed with a key that only its owner can read', () => {
    expect(statSync(join(repoRoot, '.tenon/ledger.key')).mode & 0o077).toBe(0);
  });

  it('is verified elsewhere from its export, the checkpoints and the public key alone', async () => {
    const { out: key } = await tenon(repoRoot, ['audit', 'key']);
    const exported = await tenon(repoRoot, ['audit', 'export', '--file', file]);
    expect(exported.code).toBe(0);
    const path = `${file}.jsonl`;
    writeFileSync(path, exported.out);
    const keys = key
      .trim()
      .split('\n')
      .flatMap((each) => ['--public-key', each]);
    const verify = (): ReturnType<typeof tenon> =>
      tenon(repoRoot, ['audit', 'verify', '--export', path, '--checkpoints', `${file}.checkpoints`, ...keys]);
    expect(await verify()).toMatchObject({ code: 0 });
    writeFileSync(path, exported.out.replace('succeeded', 'cancelled'));
    const edited = await verify();
    expect(edited.code).toBe(3);
    expect(edited.out).toContain('LEDGER_REWRITTEN');
    writeFileSync(path, exported.out.split('\n').toSpliced(-3, 1).join('\n'));
    expect((await verify()).out).toContain('LEDGER_TRUNCATED');
  });

  it('proves an entry, and that it goes on as it began', async () => {
    const inclusion = await tenon(repoRoot, ['audit', 'prove', '1', '--file', file]);
    expect(JSON.parse(inclusion.out)).toMatchObject({ index: 0, leaf: expect.stringContaining('activated') });
    const consistency = await tenon(repoRoot, ['audit', 'prove', '--since', '2', '--file', file]);
    expect(JSON.parse(consistency.out)).toMatchObject({ earlier: 2, proof: expect.any(Array) });
    expect(await tenon(repoRoot, ['audit', 'prove', '9999999', '--file', file])).toMatchObject({ code: 1 });
  });

  it('is copied and found sound, and a damaged copy is not', async () => {
    const copy = `${file}.backup`;
    const made = await tenon(repoRoot, ['backup', copy, '--file', file]);
    expect(made).toMatchObject({ code: 0, out: expect.stringContaining('sound') });
    expect(await tenon(repoRoot, ['audit', 'verify', '--file', copy])).toMatchObject({ code: 0 });
    expect(await tenon(repoRoot, ['backup', copy, '--file', file])).toMatchObject({ code: 2 });
    const db = new DatabaseSync(copy);
    db.exec(`UPDATE events SET payload = replace(payload, 'business', 'businass')`);
    db.close();
    expect(await tenon(repoRoot, ['backup', '--check', copy])).toMatchObject({ code: 3 });
  });

  it('shows an entry that was changed in the database', async () => {
    const before = readFileSync(file);
    const db = new DatabaseSync(file);
    db.exec(
      `DROP TRIGGER ledger_no_update; UPDATE ledger SET facts = replace(facts, 'succeeded', 'cancelled') WHERE seq = (SELECT max(seq) FROM ledger WHERE facts LIKE '%succeeded%')`,
    );
    db.close();
    const { code, out } = await tenon(repoRoot, ['audit', 'verify', '--file', file]);
    expect(code).toBe(3);
    expect(out).toMatch(/LEDGER_ROW_EDITED {2}entry \d+ is not what was written/);
    writeFileSync(file, before);
    expect(await tenon(repoRoot, ['audit', 'verify', '--file', file])).toMatchObject({ code: 0 });
  });
});
