import { call, planFor, probe, retry, step, undoable } from './plan.ts';

const quick = {
  ...retry,
  attempts: 8,
  backoff: { initialMs: 5, factor: 2, maxMs: 50 },
  jitter: 'full' as const,
};
const quickProbe = { ...probe, settleMs: 30 };

/** A run of every kind of effect: keyed, blind with a probe, natural (refused for some: compensation), an event. */
export const killPlans = [
  planFor({
    identity: {
      key: { expression: 'event.id' },
      retainMs: 86_400_000,
      orderBy: { expression: 'event.account' },
    },
    limits: { concurrency: 8, deadlineMs: 600_000 },
    steps: [
      call('read', 'acme.get', { retry: quick }),
      undoable('invoice', 'acme.create', {
        retry: quick,
        compensate: {
          operation: 'acme.remove',
          connection: 'acme',
          with: { object: { id: { expression: 'steps.invoice.id' } } },
          retry: quick,
        },
      }),
      call('blind', 'acme.createBlind', { retry: quick, probe: quickProbe }),
      call('put', 'acme.put', { retry: quick, with: { object: { id: { expression: 'event.id' } } } }),
      step('emit', 'shipped', {
        event: 'shop.shipped',
        with: { object: { id: { expression: 'event.id' } } },
      }),
    ],
  }),
  planFor({
    pipeline: 'shipping',
    trigger: { event: 'shop.shipped' },
    limits: { concurrency: 8, deadlineMs: 600_000 },
    steps: [call('label', 'acme.create', { retry: quick })],
  }),
];
