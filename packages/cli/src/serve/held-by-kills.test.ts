import type { CallRequest, Transport } from '@tenon/connector';
import type { Clock } from '@tenon/model';
import { expect, it } from 'vitest';
import { heldByKills } from './held-by-kills.ts';

/** Time goes on by what is waited for. */
const clock: Clock = {
  now: () => 0,
  setTimer: (_delayMs, fire) => {
    const handle = setImmediate(fire);
    return () => clearImmediate(handle);
  },
};
// Nothing of it is looked at here.
const request = { operation: {}, input: {} } as CallRequest;

function listing() {
  let kills: readonly string[] = ['kill/connector/till'];
  const made: CallRequest[] = [];
  const transport: Transport = {
    call: async (one) => {
      made.push(one);
      return { ok: true, status: 200, headers: {}, body: [] };
    },
    close: async () => {},
  };
  const held = heldByKills(transport, clock, () => kills);
  const kill = (ids: readonly string[]) => {
    kills = ids;
  };
  return { held, made, kill };
}
const turns = async () => {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
};

it('a listing waits while its connection is killed, and goes on when that is lifted', async () => {
  const { held, made, kill } = listing();
  const answer = held.call(request);
  await turns();
  expect(made).toEqual([]);
  kill([]);
  expect((await answer).ok).toBe(true);
  // In a line, before it is sent, it is asked once more.
  expect(made[0]?.isCalledOff?.()).toBe(false);
  kill(['kill/everything']);
  expect(made[0]?.isCalledOff?.()).toBe(true);
});

it('one that is given up meanwhile waits no longer, and is not sent', async () => {
  const { held, made } = listing();
  const stopping = new AbortController();
  const answer = held.call({ ...request, signal: stopping.signal });
  await turns();
  stopping.abort();
  await answer;
  expect(made[0]?.isCalledOff?.()).toBe(true);
  expect(made[0]?.signal?.aborted).toBe(true);
});
