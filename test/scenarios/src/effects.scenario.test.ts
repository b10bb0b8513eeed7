import type { RunState, Runtime } from '@tenon/runtime';
import { expect, it } from 'vitest';
import { effectsWorld, manual } from './effects-world.ts';
import { until } from './until.ts';

const RETRY = 'retry: { attempts: 4, within: 1m, backoff: { initial: 20ms, max: 200ms } }';

const COUNT_ITEM = manual(
  'count-item',
  `  - { id: item, call: store.get-items, with: { id: '\${ event.id }' } }
  - id: counted
    call: store.set-items
    with: { id: '\${ event.id }', body: { stock: '\${ steps.item.stock + 1 }' } }
    basedOn: { read: item, attempts: 20 }
    ${RETRY}`,
);
const COUNT_SHELF = manual(
  'count-shelf',
  `  - { id: shelf, call: store.get-shelves, with: { id: '\${ event.id }' } }
  - { id: more, set: '\${ steps.shelf.count + 1 }' }
  - id: counted
    call: store.set-shelves
    with: { id: '\${ event.id }', body: { count: '\${ steps.more }', version: '\${ steps.shelf.version }' } }
    basedOn: { read: shelf, attempts: 20 }
    ${RETRY}`,
);
const LABEL = manual(
  'label',
  `  - id: label
    call: store.set-labels
    with: { id: '\${ event.id }', body: { text: sold } }
    ${RETRY}`,
);
const GUARDED = manual(
  'guarded',
  `  - { id: before, call: store.get-items, with: { id: '\${ event.id }' } }
  - id: taken
    call: store.set-items
    with: { id: '\${ event.id }', body: { stock: 0 } }
    basedOn: { read: before }
    ${RETRY}
    compensate:
      call: store.set-items
      with: { id: '\${ event.id }', body: { stock: '\${ steps.before.stock }' } }
      guard:
        read: store.get-items
        with: { id: '\${ event.id }' }
        unchanged: \${ current.stock == steps.taken.stock }
  - { id: label, call: store.set-labels, with: { id: '\${ event.id }', body: { text: taken } } }`,
);

const RACERS = 20;

for (const { pipeline, name, resource, member, row } of [
  {
    pipeline: COUNT_ITEM,
    name: 'count-item',
    resource: 'items',
    member: 'stock',
    row: { id: 'a', stock: 0 },
  },
  {
    pipeline: COUNT_SHELF,
    name: 'count-shelf',
    resource: 'shelves',
    member: 'count',
    row: { id: 'a', count: 0, version: 1 },
  },
])
  it(`${RACERS} runs that race for one of the ${resource} lose no update (C50)`, {
    timeout: 120_000,
  }, async () => {
    await using world = await effectsWorld([pipeline], { [resource]: [row] });
    const runs = await Promise.all(
      Array.from({ length: RACERS }, (_, index) => world.start(name, { order: `o${index}`, id: 'a' })),
    );
    await ended(world.runtime, runs);
    expect(runs.map((runId) => world.runtime.run(runId)!.state)).toEqual(
      runs.map((): RunState => 'succeeded'),
    );
    expect(world.row(resource, 'a')[member]).toBe(RACERS);
    const writes = world.store.requests().filter(({ operation }) => operation === `set-${resource}`);
    // They did race: some were told that another was faster, and made theirs again.
    expect(writes.filter(({ status }) => status === 409 || status === 412).length).toBeGreaterThan(0);
    expect(writes.filter(({ status }) => status === 200)).toHaveLength(RACERS);
  });

it('writes only what differs, and after a lost answer looks again: adopted or written anew (C45)', {
  timeout: 60_000,
}, async () => {
  await using world = await effectsWorld([LABEL], {
    labels: [
      { id: 'same', text: 'sold' },
      { id: 'kept', text: 'new' },
      { id: 'lost', text: 'new' },
    ],
  });
  const written = () => world.store.effects().filter(({ operation }) => operation === 'set-labels').length;
  const label = async (id: string): Promise<void> => {
    const runId = await world.start('label', { order: id, id });
    await ended(world.runtime, [runId]);
    expect(world.runtime.run(runId)!.state).toBe('succeeded');
    expect(world.row('labels', id)['text']).toBe('sold');
  };
  await label('same');
  expect(written()).toBe(0);
  world.store.faults.add({ operation: 'set-labels', fault: { kind: 'dropAfter' }, times: 1 });
  await label('kept');
  expect(written()).toBe(1);
  world.store.faults.add({ operation: 'set-labels', fault: { kind: 'dropBefore' }, times: 1 });
  await label('lost');
  expect(written()).toBe(2);
});

it('undoes only what nobody has changed since; else its owner is asked (C71)', {
  timeout: 60_000,
}, async () => {
  await using world = await effectsWorld([GUARDED], {
    items: [
      { id: 'quiet', stock: 7 },
      { id: 'busy', stock: 7 },
    ],
    labels: [],
  });
  // There are no labels: the last step fails, and what was taken is to be put back.
  const quiet = await world.start('guarded', { order: 'quiet', id: 'quiet' });
  await ended(world.runtime, [quiet]);
  expect(world.runtime.run(quiet)!.state).toBe('compensated');
  expect(world.row('items', 'quiet')['stock']).toBe(7);

  world.store.faults.add({ operation: 'get-labels', fault: { kind: 'latency', ms: 500 }, times: 1 });
  const busy = await world.start('guarded', { order: 'busy', id: 'busy' });
  await until(() => world.row('items', 'busy')['stock'] === 0);
  await change(`${world.store.url}/items/busy`, { stock: 3 });
  await until(() => world.runtime.run(busy)!.state === 'waiting');
  expect(world.row('items', 'busy')['stock']).toBe(3);
  expect(world.runtime.approvals()).toMatchObject([
    { stepId: 'compensate:taken', by: 'platform', show: { changed: ['/stock'] } },
  ]);
  await world.runtime.decide(busy, 'compensate:taken', 'reject', 'ana', 'three came in meanwhile');
  await ended(world.runtime, [busy]);
  expect(world.runtime.run(busy)!.state).toBe('compensated');
  expect(world.row('items', 'busy')['stock']).toBe(3);
});

it('reads again what is older than it takes, and goes by nothing else (C38)', {
  timeout: 60_000,
}, async () => {
  const steps = `  - id: shelf
    call: store.get-shelves
    with: { id: '\${ event.id }' }
    fresh: { version: '\${ result.version }', atLeast: '\${ default(event.version, 0) }' }
    retry: { attempts: 50, within: 1m, backoff: { initial: 20ms, max: 100ms } }
  - { id: label, call: store.set-labels, with: { id: '\${ event.id }', body: { text: 'of \${ steps.shelf.count }' } } }`;
  await using world = await effectsWorld([manual('label-shelf', steps)], {
    shelves: [{ id: 'a', count: 1, version: 1 }],
    labels: [{ id: 'a', text: 'none' }],
  });
  const reads = () => world.store.requests().filter(({ operation }) => operation === 'get-shelves').length;
  const run = await world.start('label-shelf', { order: 'o1', id: 'a', version: 2 });
  await until(() => reads() >= 2);
  expect(world.row('labels', 'a')['text']).toBe('none');
  await change(`${world.store.url}/shelves/a`, { count: 5, version: 1 });
  await ended(world.runtime, [run]);
  expect(world.runtime.run(run)!.state).toBe('succeeded');
  expect(world.row('labels', 'a')['text']).toBe('of 5');
});

it('leaves out what is older than what was taken of the same thing (C46)', { timeout: 60_000 }, async () => {
  const pipeline = manual(
    'name-it',
    "  - { id: label, call: store.set-labels, with: { id: '${ event.id }', body: { text: 'version ${ default(event.version, 0) }' } } }",
    ", orderBy: '${ event.id }', version: '${ default(event.version, 0) }'",
  );
  await using world = await effectsWorld([pipeline], { labels: [{ id: 'a', text: 'none' }] });
  const newer = await world.start('name-it', { order: 'o3', id: 'a', version: 3 });
  await ended(world.runtime, [newer]);
  expect(await world.start('name-it', { order: 'o2', id: 'a', version: 2 })).toBe('');
  expect(world.runtime.flow().counts.older).toBe(1);
  expect(world.row('labels', 'a')['text']).toBe('version 3');
  expect(world.store.effects()).toHaveLength(1);
});

async function change(url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  await fetch(url, { method: 'PATCH', headers, body: JSON.stringify(body) });
}

async function ended(runtime: Runtime, runs: readonly string[]): Promise<void> {
  const open: ReadonlySet<string> = new Set(['accepted', 'running', 'waiting', 'compensating']);
  await until(() => runs.every((runId) => !open.has(runtime.run(runId)!.state)));
}
