import { expect, test } from 'vitest';
import type { Group } from '../embedded/commit/apply-batch.ts';
import type { Committer } from '../embedded/commit/commit-queue.ts';
import { slowCommitter, type UnderWay } from './slow-committer.ts';

/** Over one that writes at once; `turns`: what is drawn, one after the other, then 0. */
function bench(turns: number[]) {
  const written: Group[] = [];
  const underWay: UnderWay[] = [];
  let isDead = false;
  const inner: Committer = {
    batchesMax: 1,
    apply: async (groups) => {
      written.push(...groups);
      return groups.map(() => undefined);
    },
    head: () => Promise.reject(new Error('there is no tree')),
    scrub: async () => {},
    tend: async () => 0,
    close: async () => {},
  };
  const committer = slowCommitter(
    inner,
    { pace: { groupsMin: 1, toldAtOnce: 1 }, turns: () => turns.shift() ?? 0 },
    underWay,
    { isDead: () => isDead, onTurn: () => {} },
  );
  return { committer, written, underWay, die: () => (isDead = true) };
}

const first: Group = [['admitNext', 'orders', 'first', 0]];
const second: Group = [['admitNext', 'orders', 'second', 0]];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a batch is written after its turns, and answered after those of the answer, in the order of asking', async () => {
  const { committer, written, underWay } = bench([2, 3, 0]);
  const answered: string[] = [];
  const both = [
    committer.apply([first]).then(() => answered.push('first')),
    committer.apply([second]).then(() => answered.push('second')),
    committer.head().catch(() => answered.push('head')),
  ];
  await turn();
  expect(written).toEqual([]);
  expect(underWay.map(({ isWritten }) => isWritten)).toEqual([false, false]);
  await turn();
  await turn();
  expect(written).toEqual([first, second]);
  expect(answered).toEqual([]);
  await Promise.all(both);
  expect(answered).toEqual(['first', 'second', 'head']);
  expect(underWay).toEqual([]);
});

test('what a process that was killed had handed over is not written, and not answered', async () => {
  const { committer, written, die } = bench([2]);
  let isAnswered = false;
  void committer.apply([first]).then(() => {
    isAnswered = true;
  });
  await turn();
  die();
  for (let i = 0; i < 5; i++) await turn();
  expect(written).toEqual([]);
  expect(isAnswered).toBe(false);
});
