import { call, planFor, probe, retry, step, undoable } from './plan.ts';

const quick = {
  ...retry,
  attempts: 8,
  backoff: { initialMs: 5, factor: 2, maxMs: 50 },
  jitter: 'full' as const,
};
const quickProbe = { ...probe, settleMs: 30 };

/**
 * A run of every kind of effect: keyed, blind with a probe, natural (refused for some: compensation), an event; one
 * after the other, for each item of a list, and beside each other.
 */
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
      step('forEach', 'lines', {
        in: 'event.lines',
        as: 'line',
        key: { expression: 'line' },
        max: 10,
        concurrency: 2,
        onItemFailure: 'stop',
        steps: [
          undoable('item', 'acme.create', {
            retry: quick,
            compensate: {
              operation: 'acme.remove',
              connection: 'acme',
              with: { object: { id: { expression: 'steps.item.id' } } },
              retry: quick,
            },
          }),
          call('itemBlind', 'acme.createBlind', { retry: quick, probe: quickProbe }),
        ],
      }),
      step('parallel', 'both', {
        branches: [
          {
            name: 'left',
            steps: [
              step('wait', 'pause', { for: { durationMs: 20 } }),
              undoable('left', 'acme.create', {
                retry: quick,
                compensate: {
                  operation: 'acme.remove',
                  connection: 'acme',
                  with: { object: { id: { expression: 'steps.left.id' } } },
                  retry: quick,
                },
              }),
            ],
          },
          { name: 'right', steps: [call('right', 'acme.createBlind', { retry: quick, probe: quickProbe })] },
        ],
      }),
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
