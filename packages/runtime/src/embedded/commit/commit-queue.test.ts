import { expect, test } from 'vitest';
import { CommitFailed, CommitQueue, CommitRefused, type Committer, type Pace } from './commit-queue.ts';

/** A committer whose batches end when the test says so. */
function slowCommitter(batchesMax = 1, gather?: () => void, pace?: Pace) {
  const batches: {
    readonly size: number;
    end(refused?: readonly (string | undefined)[]): void;
    fail(): void;
  }[] = [];
  const committer: Committer = {
    batchesMax,
    ...(pace && { pace }),
    apply: (groups) =>
      new Promise((resolve, reject) =>
        batches.push({
          size: groups.length,
          end: (refused) => resolve(refused ?? groups.map(() => undefined)),
          fail: () => reject(new Error('no space left')),
        }),
      ),
    head: () => Promise.reject(new Error('not asked')),
    scrub: async () => {},
    tend: async () => 0,
    close: async () => {},
  };
  const failures: Error[] = [];
  const queue = new CommitQueue(
    committer,
    () => ({ writes: [], entries: [] }),
    () => {},
    (error) => failures.push(error),
    gather,
  );
  return { queue, batches, failures };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await turn();
};

test('the next batch is on its way while runs of the one before are carried on', async () => {
  const { queue, batches } = slowCommitter();
  let told = 0;
  const first = Array.from({ length: 200 }, async () => {
    await queue.commit([]);
    told++;
    void queue.commit([]);
  });
  await turns(2);
  expect(batches.map(({ size }) => size)).toEqual([200]);
  batches[0]!.end();
  while (batches.length < 2) await turn();
  expect(told, 'not all have been told').toBeLessThan(200);
  expect(batches[1]!.size).toBeGreaterThanOrEqual(16);
  await Promise.all(first);
  for (let ended = 1, stored = 200; stored < 400; ended++) {
    while (batches.length <= ended) await turn();
    batches[ended]!.end();
    stored += batches[ended]!.size;
  }
  await queue.settled();
  expect(batches.reduce((sum, { size }) => sum + size, 0)).toBe(400);
});

test('who waits until all is settled is told, and takes no turn of the loop until then', async () => {
  const { queue, batches } = slowCommitter();
  void queue.commit([]);
  await turns(2);
  let isSettled = false;
  const settled = queue.settled().then(() => {
    isSettled = true;
  });
  await turns(2);
  // A process that was killed in a simulation is one whose batch is never answered.
  expect(process.getActiveResourcesInfo()).not.toContain('Immediate');
  expect(isSettled).toBe(false);
  batches[0]!.end();
  await settled;
  expect(queue.isIdle).toBe(true);
});

test('a committer with a pace of its own gets as small batches as it says, and its groups are told as many at a time', async () => {
  const { queue, batches } = slowCommitter(2, undefined, { groupsMin: 1, toldAtOnce: 1 });
  const told: number[] = [];
  const some = [0, 1].map((n) => queue.commit([]).then(() => told.push(n)));
  await turns(2);
  const more = [2, 3].map((n) => queue.commit([]).then(() => told.push(n)));
  await turns(2);
  expect(batches.map(({ size }) => size)).toEqual([2, 2]);
  batches[0]!.end();
  await turn();
  expect(told).toEqual([0]);
  await Promise.all(some);
  batches[1]!.end();
  await Promise.all(more);
  expect(told).toEqual([0, 1, 2, 3]);
});

test('a committer that takes one batch at a time has one on its way, and all are told in the order in which they were handed in', async () => {
  const { queue, batches } = slowCommitter();
  const order: number[] = [];
  const wait = (n: number): Promise<unknown> => queue.commit([]).then(() => order.push(n));
  const some = [0, 1, 2].map(wait);
  await turns(2);
  const more = [3, 4].map(wait);
  await turns(5);
  expect(batches.map(({ size }) => size)).toEqual([3]);
  batches[0]!.end();
  while (batches.length < 2) await turn();
  batches[1]!.end();
  await Promise.all([...some, ...more]);
  expect(order).toEqual([0, 1, 2, 3, 4]);
});

test('a second batch is handed over before the first has ended, once it is as large, and no third', async () => {
  const { queue, batches } = slowCommitter(2);
  const order: number[] = [];
  const hand = (from: number, count: number): Promise<unknown>[] =>
    Array.from({ length: count }, (_, i) => queue.commit([]).then(() => order.push(from + i)));
  const groups = hand(0, 20);
  await turns(2);
  groups.push(...hand(20, 19));
  await turns(2);
  expect(
    batches.map(({ size }) => size),
    'one less than the first',
  ).toEqual([20]);
  groups.push(...hand(39, 1));
  await turns(2);
  groups.push(...hand(40, 50));
  await turns(2);
  expect(batches.map(({ size }) => size)).toEqual([20, 20]);
  batches[0]!.end();
  await turns(2);
  expect(batches.map(({ size }) => size)).toEqual([20, 20, 50]);
  batches[1]!.end();
  batches[2]!.end();
  await Promise.all(groups);
  expect(order).toEqual(Array.from({ length: 90 }, (_, i) => i));
});

test('nothing of a batch counts that was on its way behind one that failed', async () => {
  const { queue, batches, failures } = slowCommitter(2);
  const first = Array.from({ length: 16 }, () => queue.commit([]));
  await turns(2);
  const second = Array.from({ length: 16 }, () => queue.commit([]));
  await turns(2);
  batches[0]!.fail();
  batches[1]!.fail();
  for (const group of [...first, ...second]) await expect(group).rejects.toThrow(CommitFailed);
  expect(failures).toHaveLength(1);
});

test('a refused group is told so, and the others of its batch are stored', async () => {
  const { queue, batches } = slowCommitter();
  const groups = [queue.commit([]), queue.commit([])];
  await turns(2);
  batches[0]!.end([undefined, 'UNIQUE constraint failed']);
  await expect(groups[0]).resolves.toBeUndefined();
  await expect(groups[1]).rejects.toThrow(CommitRefused);
});

test('what was stored before the disk failed is told as stored, and nothing after it is', async () => {
  const { queue, batches, failures } = slowCommitter();
  const stored: string[] = [];
  const later: Promise<string>[] = [];
  const outcome = (group: Promise<void>): Promise<string> =>
    group.then(
      () => 'stored',
      (error: unknown) => (error instanceof CommitFailed ? 'failed' : 'other'),
    );
  for (let i = 0; i < 300; i++)
    void outcome(queue.commit([])).then((was) => {
      stored.push(was);
      later.push(outcome(queue.commit([])));
    });
  await turns(2);
  batches[0]!.end();
  while (batches.length < 2) await turn();
  batches[1]!.fail();
  await queue.settled();
  await turn();
  expect(stored).toEqual(Array.from({ length: 300 }, () => 'stored'));
  expect(new Set(await Promise.all(later))).toEqual(new Set(['failed']));
  expect(failures).toHaveLength(1);
});

test('what comes between the gathering and the making up of a batch is gathered in the next turn', async () => {
  const gathered: string[] = [];
  const arrived = ['first'];
  const { queue, batches } = slowCommitter(1, () => {
    for (const one of arrived.splice(0)) {
      gathered.push(one);
      if (one !== 'first') continue;
      void queue.open([], []);
      // As an event does whose name was being stored under until now.
      void Promise.resolve().then(() => {
        arrived.push('second');
        queue.soon();
      });
    }
  });
  queue.soon();
  await turns(4);
  expect(gathered).toEqual(['first', 'second']);
  expect(batches.map(({ size }) => size)).toEqual([1]);
  batches[0]!.end();
  await queue.settled();
});
