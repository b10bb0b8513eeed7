import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { openBench } from '../../testing/bench.ts';
import { call, planFor } from '../../testing/plan.ts';
import { KnownNames, nameNumber } from './known-names.ts';
import { Statements } from './statements.ts';

/** A file with so many events and keys of an earlier process, and the timers that were set on it. */
function host(stored: number) {
  const db = new DatabaseSync(':memory:');
  db.exec(`CREATE TABLE events (seq INTEGER PRIMARY KEY, source TEXT, delivery_id TEXT);
    CREATE TABLE keys (pipeline TEXT, key TEXT, PRIMARY KEY (pipeline, key)) WITHOUT ROWID;`);
  for (let i = 1; i <= stored; i++) {
    db.prepare('INSERT INTO events VALUES (?, ?, ?)').run(i, `shop${i % 3}`, `d${i}`);
    db.prepare('INSERT INTO keys VALUES (?, ?)').run(`orders${i % 2}`, `k${i}`);
  }
  const timers: (() => void)[] = [];
  return {
    db,
    timers,
    read: new Statements(db),
    rows: { names: { isMixed: false } },
    lastEventSeq: () => stored,
    setTimer: (_delayMs: number, fire: () => void) => {
      timers.push(fire);
      return () => void timers.splice(timers.indexOf(fire), 1);
    },
    /** Lets so many of the timers fire that came of each other. */
    turn(times: number) {
      for (let i = 0; i < times; i++) for (const fire of timers.splice(0)) fire();
    },
  };
}

function delivery(i: number): number {
  return nameNumber('delivery', `shop${i % 3}`, `d${i}`);
}

function key(i: number): number {
  return nameNumber('key', `orders${i % 2}`, `k${i}`);
}

const text = fc.string({ unit: 'binary' });
const many = Array.from({ length: 1_200 }, (_, i) => i + 1);

describe('a name that may be in the file', () => {
  test('is one that was added, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text)), (names) => {
        const known = new KnownNames(host(0));
        known.begin();
        const numbers = names.map(([of, name]) => nameNumber('key', of, name));
        for (const number of numbers) known.add(number);
        expect(numbers.every((number) => known.mayHold(number))).toBe(true);
      }),
    );
  });

  test('is hardly ever one that was not, though names differ in a digit alone', () => {
    const known = new KnownNames(host(0));
    known.begin();
    for (let i = 0; i < 100_000; i++) known.add(nameNumber('delivery', 'shop', `order-${i}`));
    let held = 0;
    for (let i = 100_000; i < 200_000; i++)
      if (known.mayHold(nameNumber('delivery', 'shop', `order-${i}`))) held++;
    expect(held).toBeLessThan(2_000);
  });

  test('is any, until all rows of an earlier process were read', () => {
    const of = host(1_200);
    const known = new KnownNames(of);
    known.begin();
    // 500, 500 and 200 events; keys as many.
    for (let turns = 0; turns < 5; turns++) {
      expect(known.mayHold(nameNumber('key', 'orders0', 'new'))).toBe(true);
      of.turn(1);
    }
    expect(known.mayHold(nameNumber('key', 'orders0', 'new'))).toBe(false);
    expect(many.every((i) => known.mayHold(delivery(i)) && known.mayHold(key(i)))).toBe(true);
    expect(of.timers).toEqual([]);
  });

  test('is any, as long as names stand in two forms in the file', () => {
    const of = host(3);
    of.rows.names.isMixed = true;
    const known = new KnownNames(of);
    known.begin();
    of.turn(20);
    expect(known.mayHold(key(7))).toBe(true);
    of.rows.names.isMixed = false;
    known.begin();
    of.turn(1);
    expect(known.mayHold(key(7))).toBe(false);
  });

  test('is any, where the rows of an earlier process cannot be read', () => {
    const of = host(3);
    const known = new KnownNames(of);
    known.begin();
    of.db.exec('DROP TABLE keys');
    of.turn(20);
    expect(known.mayHold(key(7))).toBe(true);
    expect(of.timers).toEqual([]);
  });

  test('is read by one timer, and no more once the runtime stops', () => {
    const of = host(3);
    const known = new KnownNames(of);
    known.begin();
    known.begin();
    known.stop();
    expect(of.timers).toEqual([]);
  });
});

describe('an event', () => {
  let bench: Awaited<ReturnType<typeof openBench>>;
  afterEach(() => bench.close());

  test('is another one where its key is cut in the middle of another character', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.create')] }));
    for (const id of ['k\ud83d', 'k\ud83e', 'k\ud83d']) await bench.order({ id });
    await bench.runtime.idle();
    expect(bench.target.count('create')).toBe(2);
  });

  test('is known after a restart though its key is cut in the middle of a character', async () => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.create')] }));
    await bench.order({ id: 'k\ud83d' });
    await bench.runtime.idle();
    await bench.restart();
    await bench.pass(1_000);
    const accepted = await bench.runtime.accept({
      event: 'shop.ordered',
      payload: { id: 'k\ud83d' },
      deliveryId: 'again',
      source: 'elsewhere',
    });
    expect(accepted).toMatchObject({ runs: [{ started: false }] });
    await bench.runtime.idle();
    expect(bench.target.count('create')).toBe(1);
  });

  test.each([0, 1_000])('is known after a restart, %d ms later', async (ms) => {
    bench = await openBench(planFor({ steps: [call('invoice', 'acme.create')] }));
    const first = await bench.order({ id: 'a' });
    await bench.runtime.idle();
    await bench.restart();
    await bench.pass(ms);
    const accept = (deliveryId: string, id: string) =>
      bench.runtime.accept({ event: 'shop.ordered', payload: { id }, deliveryId, source: 'elsewhere' });
    expect(await accept('d1', 'a')).toMatchObject({ runs: [{ runId: first, started: false }] });
    expect(await accept('d1', 'b')).toMatchObject({ duplicateDelivery: true, runs: [] });
    expect(await accept('d2', 'b')).toMatchObject({ runs: [{ started: true }] });
    expect(await accept('d3', 'b')).toMatchObject({ runs: [{ started: false }] });
    await bench.runtime.idle();
    expect(bench.target.count('create')).toBe(2);
  });
});
