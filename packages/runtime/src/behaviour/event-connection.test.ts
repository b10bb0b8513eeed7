import type { Json } from '@tenon/model';
import { afterEach, expect, test } from 'vitest';
import { connectionOf } from '../embedded/intake/event-connection.ts';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, childPlan, planFor, run } from '../testing/plan.ts';
import { setSwitch } from '../testing/switching.ts';

let bench: Bench;
afterEach(() => bench?.close());

const DAY_MS = 86_400_000;
const perAccount = { key: { expression: "connection + ':' + event.id" }, retainMs: DAY_MS };
const ACCOUNT = { object: { account: { expression: 'connection' } } };
const put = call('put', 'acme.put', { with: ACCOUNT });
const putOf = (account: string) => ({ account });

let deliveries = 0;
const accept = (source: string, payload: Json = { id: 'x' }, invalid?: 'quarantine') =>
  bench.runtime.accept({
    event: 'shop.ordered',
    payload,
    deliveryId: `c-${++deliveries}`,
    source,
    ...(invalid && { invalid }),
  });
const sent = () => bench.target.calls.map(({ input }) => input);

test.each([
  ['shop-eu', 'shop-eu'],
  ['shop-eu/orders.placed', 'shop-eu'],
  ['bus/a:b', 'bus'],
  ['quarantine:shop-eu/orders', 'shop-eu'],
  ['quarantine:quarantine:shop-eu', 'shop-eu'],
  ['pipeline:orders', undefined],
  ['pipeline:orders/shop-eu', 'shop-eu'],
  ['quarantine:pipeline:orders/shop-eu', 'shop-eu'],
  ['quarantine:pipeline:orders', undefined],
  ['manual:ana', undefined],
  ['', undefined],
])('an event from %j came over %j', (source, connection) => {
  expect(connectionOf(source)).toBe(connection);
});

test('of two accounts with the same id both events are handled, where the key says which', async () => {
  bench = await openBench(planFor({ identity: perAccount, steps: [put] }));
  expect(await accept('eu')).toMatchObject({ runs: [{ key: 'eu:x', started: true }] });
  expect(await accept('us/orders')).toMatchObject({ runs: [{ key: 'us:x', started: true }] });
  expect(await accept('eu')).toMatchObject({ runs: [{ key: 'eu:x', started: false }] });
  await bench.runtime.idle();
  expect(sent()).toEqual([putOf('eu'), putOf('us')]);
});

test('so are their versions, where the order key says which', async () => {
  const versioned = {
    key: { expression: "connection + ':' + event.id + ':' + string(event.amount)" },
    orderBy: { expression: "connection + ':' + event.id" },
    version: 'event.amount',
    retainMs: DAY_MS,
  };
  bench = await openBench(planFor({ identity: versioned, steps: [put] }));
  await accept('eu', { id: 'x', amount: 7 });
  expect(await accept('us', { id: 'x', amount: 3 })).toMatchObject({ runs: [{ started: true }] });
  expect(await accept('eu', { id: 'x', amount: 6 })).toMatchObject({ runs: [], older: ['orders'] });
});

test('what is released from quarantine came over the connection that it came over first', async () => {
  const held = { ...perAccount, orderBy: { expression: "connection + '/' + event.id" } };
  bench = await openBench(planFor({ identity: held, steps: [put] }));
  await accept('us', { id: 'x', amount: 'much' }, 'quarantine');
  await accept('eu', { id: 'x', amount: 1 });
  await bench.runtime.idle();
  const { events } = planFor({ steps: [] });
  const anyAmount = { ...events['shop.ordered']!, payload: { type: 'object' } } as const;
  await bench.runtime.activate(
    planFor({ version: 2, identity: held, events: { ...events, 'shop.ordered': anyAmount }, steps: [put] }),
  );
  const { events: released } = await bench.runtime.recheck({ apply: true }, 'ana', 'mended');
  expect(released, 'the later event is of another account, and overtook nothing').toMatchObject([
    { outcome: 'released', became: [{ as: 'started' }] },
  ]);
  await bench.runtime.idle();
  await bench.crash();
  await bench.runtime.idle();
  expect(sent()).toEqual([putOf('eu'), putOf('us')]);
  expect(bench.runtime.runs().map(({ key }) => key)).toEqual(expect.arrayContaining(['eu:x', 'us:x']));
});

test('a flag may be on for one account alone', async () => {
  bench = await openBench(
    planFor({ identity: { ...perAccount, account: { expression: 'connection' } }, steps: [put] }),
  );
  const flag = {
    kind: 'flag',
    pipeline: 'orders',
    events: [],
    share: 0,
    keys: ['us'],
    expiresAtMs: bench.clock.now() + DAY_MS,
  } as const;
  await setSwitch(bench, flag);
  expect(await accept('eu')).toMatchObject({ flaggedOff: ['orders'], runs: [] });
  expect(await accept('us')).toMatchObject({ runs: [{ key: 'us:x', started: true }] });
});

test('a pipeline that is run knows no connection but what it is given as input', async () => {
  const child = childPlan({ steps: [put] });
  const given = childPlan({
    pipeline: 'given',
    steps: [call('put', 'acme.put', { with: { object: { account: { expression: 'event.account' } } } })],
  });
  const input = (more: object) => ({ object: { id: { expression: 'event.id' }, ...more } });
  bench = await openBench(
    child,
    given,
    planFor({
      identity: perAccount,
      onFailure: 'hold',
      steps: [
        run('told', given, input({ account: { expression: 'connection' } })),
        run('asked', child, input({})),
      ],
    }),
  );
  await accept('eu');
  await bench.runtime.idle();
  expect(sent()).toEqual([putOf('eu')]);
  expect(bench.runtime.runs({ pipeline: 'child' })).toMatchObject([{ state: 'failed' }]);
});
