import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@tenon/model';
import { openLedger } from '@tenon/runtime';
import { expect, it } from 'vitest';
import { TenonProcess } from './demo/child.ts';
import { changesServer, pollWorkspace } from './poll-world.ts';

const KILLS = 4;
const ITEMS = 60;
const LIVE_MS_MAX = 700;

it('a listing that is polled loses and doubles nothing, with SIGKILL in the middle of its pages', {
  timeout: 120_000,
}, async () => {
  const random = seededRandom(5);
  const folder = await mkdtemp(join(tmpdir(), 'tenon-poll-'));
  await using changes = await changesServer();
  await using archive = await changesServer();
  archive.add(1);
  await pollWorkspace(folder);
  const tenon = new TenonProcess(
    join(folder, 'tenon.db'),
    { CHANGES_URL: changes.url, ARCHIVE_URL: archive.url },
    folder,
  );
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      // While the last listing may not have been read to its end.
      changes.add(ITEMS / KILLS);
      const asked = changes.pagesAsked;
      await tenon.start();
      // A page is under way, another may be behind it: somewhere in there the process ends.
      await changes.until(() => changes.pagesAsked > asked + 1);
      await new Promise((resolve) => setTimeout(resolve, random.next() * LIVE_MS_MAX));
      await tenon.kill();
    }
    await tenon.start();
    await changes.until(() => changes.effects.size >= changes.versions.size);
    const lastCursor = [...changes.versions.values()].at(-1)!;
    // The listing that everything was in is read to its end: the next is asked for from there.
    await changes.until(() => changes.cursors.at(-1) === lastCursor);
    await tenon.stop();

    expect([...changes.effects.keys()].sort()).toEqual([...changes.versions.keys()].sort());
    expect([...changes.effects.values()].filter((count) => count !== 1)).toEqual([]);
    const asked = tenon.lines.flatMap(({ kind, connection }) => (kind === 'source' ? [connection] : []));
    expect(new Set(asked), 'a connection that takes nothing in is not asked').toEqual(new Set(['changes']));
    expect(archive.pagesAsked).toBe(0);
    // A cursor never goes back, and never past what has not been stored.
    expect(changes.cursors).toEqual([...changes.cursors].sort());
    const ledger = openLedger(join(folder, 'tenon.db'));
    expect(ledger.runs({ limit: 1_000 }).filter(({ state }) => state !== 'succeeded')).toEqual([]);
    // What a killed process had taken was listed again: known, and no news.
    const told = ledger.runs({ limit: 1_000 }).flatMap(({ runId }) => ledger.trace({ runId }));
    expect(told.filter(({ details }) => details['sameDelivery'] === true)).toEqual([]);
    expect(ledger.check()).toEqual([]);
    ledger.close();
  } finally {
    await tenon.kill();
    await rm(folder, { recursive: true, force: true });
  }
});
