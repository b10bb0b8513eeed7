import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { changesOf, isWatched, refusing } from './serve.ts';

describe('what `tenon dev` reloads at', () => {
  it.each([
    ['pipelines/a.pipeline.yaml', true],
    ['contracts/shop/openapi.yaml', true],
    ['data/tenon.db', false],
    ['data/tenon.db-wal', false],
    ['data/tenon.db.lock', false],
    ['data/tenon.dbx.ts', true],
    ['data/tenon.db.ts', false],
    ['tenon.config.yaml', true],
    ['connectors/shop/src/index.ts', true],
    ['connectors/shop/fixtures/note.txt', true],
    ['pipelines/policies/rules.yaml', true],
    ['dev.log', false],
    ['runs.json', false],
    ['contracts/shop/sedX3sOCi', false],
    ['pipelines/sedAb12Cd', false],
    ['.tenon/operator.token', false],
    ['data/ledger.key', true],
    ['.tenon/data-key', true],
    ['data/other.key', false],
    ['generated/shop/types.d.ts', false],
    ['pipelines/.a.pipeline.yaml.swp', false],
    ['pipelines/a.pipeline.yaml~', false],
    ['pipelines/4913', false],
    ['pipelines/.#a.pipeline.yaml', false],
    ['pipelines/a.pipeline.yaml.tmp.81', false],
  ])('%s: %s', (file, reloads) => {
    const taken = new Set(['data/ledger.key', '.tenon/data-key']);
    expect(isWatched(file, { database: 'data/tenon.db', taken })).toBe(reloads);
  });
});

describe('the changes that `tenon dev` waits for', () => {
  it('are named by what is there, not by what it was written through', async () => {
    const root = await mkdtemp(join(tmpdir(), 'tenon-dev-'));
    const watching = new AbortController();
    const changes = changesOf(root, { clock: systemClock }, watching.signal);
    const next = changes.next((file) => isWatched(file, { taken: new Set() }));
    await writeFile(join(root, 'draft.ts'), '');
    await rename(join(root, 'draft.ts'), join(root, 'owners.yaml'));
    expect(await next).toBe('owners.yaml');
    watching.abort();
    await rm(root, { recursive: true });
  });

  it('hold those that came before it asked, and not what is its own', async () => {
    const root = await mkdtemp(join(tmpdir(), 'tenon-dev-'));
    const watching = new AbortController();
    const changes = changesOf(root, { clock: systemClock }, watching.signal);
    await writeFile(join(root, 'tenon.db'), '');
    await writeFile(join(root, 'owners.yaml'), '');
    // Long enough for the system to tell.
    await sleep(systemClock, 300);
    expect(await changes.next((file) => isWatched(file, { database: 'tenon.db', taken: new Set() }))).toBe(
      'owners.yaml',
    );
    watching.abort();
    await rm(root, { recursive: true });
  });
});

it('says at the start that no event is taken, with why', () => {
  expect(refusing({ intakeRefusal: () => undefined })).toEqual({});
  const refusal = {
    class: 'transient',
    code: 'RUNTIME_DISK_LOW',
    message: '9 MiB are free',
    delivery: 'notSent',
  } as const;
  expect(refusing({ intakeRefusal: () => refusal })).toEqual({
    refusing: { code: 'RUNTIME_DISK_LOW', message: '9 MiB are free' },
  });
});
