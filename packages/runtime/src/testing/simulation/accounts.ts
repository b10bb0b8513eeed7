import { seededRandom } from '@tenon/model';
import type { CallStep, Plan, WaitStep } from '@tenon/pipeline';
import { call, planFor, probe, step, undoable } from '../plan.ts';

/** Two accounts of one system, each behind a connection of its own. They give the same ids to different things. */
export const ACCOUNT_NAMES = ['eu', 'us'] as const;
export type AccountName = (typeof ACCOUNT_NAMES)[number];

/** How many of the histories have two accounts beside the orders. */
const TWO_RATE = 0.25;

/** From a stream of its own, so that the other histories are as they were. */
export function hasTwoAccounts(seed: number): boolean {
  return seededRandom(seed + 6_000_000).next() < TWO_RATE;
}

const OWN = { over: 'connection', among: [...ACCOUNT_NAMES] };
const ownAccount = { object: { id: { expression: 'event.id' }, account: { expression: 'connection' } } };

/** A call, and what undoes it, over the connection of the event. */
function overOwn(made: CallStep): CallStep {
  const { compensate } = made;
  const undoing = compensate && {
    ...compensate,
    connection: OWN,
    guard: { operation: 'acme.get', connection: OWN, with: ownAccount, retry: made.retry, unchanged: 'true' },
  };
  return { ...made, connection: OWN, ...(undoing && { compensate: undoing }) };
}

const definition = (name: string): Plan['events'][string] => ({
  contract: { name: 'shop', version: '1.0.0', digest: 'sha256:0' },
  event: name,
  payload: { type: 'object', required: ['id', 'account'] },
});
const events = {
  'shop.booked': definition('booked'),
  'shop.settled': definition('settled'),
  'shop.entered': definition('entered'),
};

const settled: WaitStep['for'] = {
  event: 'shop.settled',
  over: 'connection',
  match: 'signal.id == event.id',
  withinMs: 20_000,
  onExpiry: 'continue',
};

/** Whose event it was that the wait has heard, if any. */
const heard = { expression: "steps.b2 == null ? '' : steps.b2.account" };

/** What each account books, it books in itself; half of it is undone there. */
export const BOOKS = planFor({
  pipeline: 'books',
  trigger: { event: 'shop.booked' },
  identity: { key: { expression: "connection + ':' + event.id" }, retainMs: 86_400_000 },
  limits: { concurrency: 4, deadlineMs: 600_000 },
  onFailure: 'compensate',
  events,
  steps: [
    overOwn(call('b0', 'acme.put', { with: ownAccount })),
    overOwn(undoable('b1', 'acme.createBlind', { with: ownAccount, probe })),
    step('wait', 'b2', { for: settled }),
    overOwn(undoable('b3', 'acme.create', { with: { object: { ...ownAccount.object, heard } } })),
    step('emit', 'b4', { event: 'shop.entered', over: OWN, with: ownAccount }),
    step('check', 'b5', {
      that: [{ condition: 'event.version < 2', message: 'of the other half' }],
      otherwise: 'fail',
    }),
  ],
});

/** What sends out what was entered, over one connection each. */
export const SENDERS = ACCOUNT_NAMES.map((connection) =>
  planFor({
    pipeline: `publish-${connection}-entered`,
    trigger: { event: 'shop.entered', over: connection },
    identity: { key: { expression: 'delivery' }, retainMs: 86_400_000 },
    limits: { concurrency: 4, deadlineMs: 600_000 },
    onFailure: 'hold',
    events,
    steps: [
      call('publish', 'acme.create', {
        connection,
        with: { object: { id: { expression: 'event.id' }, account: { expression: 'event.account' } } },
      }),
    ],
  }),
);
