import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLedger } from '@tenon/runtime';
import { expect, it } from 'vitest';
import { TenonProcess } from './demo/child.ts';
import { changesServer, pollWorkspace } from './poll-world.ts';

const ITEMS = 24;

/** Two accounts of one connector feed one pipeline, which does its work where the event came from. */
async function twoAccounts(root: string): Promise<void> {
  await pollWorkspace(root);
  const edit = async (file: string, ...changes: readonly (readonly [string, string])[]): Promise<void> => {
    const text = await readFile(join(root, file), 'utf8');
    for (const [from] of changes) expect(text).toContain(from);
    await writeFile(
      join(root, file),
      changes.reduce((here, [from, to]) => here.replace(from, () => to), text),
    );
  };
  await edit('tenon.config.yaml', [
    '    sources: []\n',
    '    grants: { changed: { operations: [addEffect, listChanges] } }\n',
  ]);
  await edit(
    'pipelines/changed.pipeline.yaml',
    ["key: '${ event.id }", "key: '${ connection }:${ event.id }"],
    ['call: changes.addEffect\n', 'call: changes.addEffect\n    over: ${ connection }\n'],
  );
}

it('what two accounts tell of under the same ids is done once in each, with SIGKILL in between', {
  timeout: 120_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-accounts-'));
  await using changes = await changesServer();
  await using archive = await changesServer();
  const accounts = [changes, archive];
  await twoAccounts(folder);
  const tenon = new TenonProcess(
    join(folder, 'tenon.db'),
    { CHANGES_URL: changes.url, ARCHIVE_URL: archive.url },
    folder,
  );
  try {
    for (const account of accounts) account.add(ITEMS);
    await tenon.start();
    await changes.until(() => changes.effects.size + archive.effects.size > ITEMS / 2);
    await tenon.kill();
    await tenon.start();
    for (const account of accounts) await account.until(() => account.effects.size >= ITEMS);
    await tenon.stop();

    expect([...archive.versions.keys()], 'the ids are the same').toEqual([...changes.versions.keys()]);
    for (const { effects, versions } of accounts) {
      expect([...effects.keys()].sort()).toEqual([...versions.keys()].sort());
      expect([...effects.values()].filter((count) => count !== 1)).toEqual([]);
    }
    const ledger = openLedger(join(folder, 'tenon.db'));
    expect(ledger.runs({ limit: 1_000 }).map(({ state }) => state)).toEqual(
      Array.from({ length: 2 * ITEMS }, () => 'succeeded'),
    );
    ledger.close();
  } finally {
    await tenon.kill();
    await rm(folder, { recursive: true, force: true });
  }
});
