import type { Failure } from '@tenon/model';
import type { FlowReport } from '@tenon/runtime';
import { expect, it } from 'vitest';
import type { ConsumerStatus } from './consumer.ts';
import { routes } from './operations.ts';
import { call, start } from './started-server.testing.ts';

it('shows the flow to Prometheus, for whoever may read', async () => {
  const overrides = { done: 2, undone: 1, close: 0, confirm: 0, redo: 0, compensate: 0 };
  const flow: FlowReport = {
    atMs: 60_000,
    checkpoints: { everyMs: 60_000, keptAtMs: 55_000, witnessedAtMs: 20_000 },
    alarms: [
      {
        alarm: 'deadLetters',
        sinceMs: 40_000,
        message: 'dead letters of p',
        next: 'tenon dead-letters',
        pipeline: 'p',
        queue: 'repair',
        owner: 'sales',
        escalation: 'pager:sales',
      },
    ],
    intake: { backlog: 3, writesWaiting: 2, bytesWaiting: 10, refused: { RUNTIME_BACKLOG_FULL: 4 } },
    pipelines: [
      {
        pipeline: 'p"1',
        version: 1,
        tier: 'high',
        backlog: 3,
        lagMs: 1_500,
        active: 2,
        concurrency: 20,
        switches: ['pause/p'],
      },
    ],
    connections: [
      { connection: 'acme', breaker: 'open', inFlight: 1, waiting: 5, heldUntilMs: 62_000, switches: [] },
    ],
    reconciliations: [
      {
        reconciliation: 'agree',
        isComparing: false,
        lastEndedAtMs: 45_000,
        differences: 3,
        counts: { missing: 2, extra: 1, mismatched: 0, duplicate: 0, withoutKey: 0 },
        isAboveAlarm: true,
      },
    ],
    drills: [
      {
        kind: 'rotation',
        pipeline: 'p',
        connection: 'acme',
        everyMs: 10_000,
        lastPassedAtMs: 40_000,
        dueAtMs: 50_000,
        isOverdue: true,
      },
      { kind: 'restore', pipeline: 'p', everyMs: 10_000, dueAtMs: 70_000, isOverdue: false },
    ],
    runs: { waiting: 7 },
    counts: { accepted: 9, ended: { succeeded: 8 }, retries: 6, held: 1, older: 4, overrides },
    inDoubt: [{ pipeline: 'p', count: 1, oldestMs: 45_000 }],
    deadLetters: [{ pipeline: 'p', queue: 'repair', class: 'validation', count: 2, oldestMs: 30_000 }],
  };
  const consumers = (): readonly ConsumerStatus[] => [
    {
      connection: 'bus',
      from: 'orders',
      events: ['bus.placed'],
      state: 'connecting',
      sinceMs: 0,
      inFlight: 2,
      lag: 7,
      counts: { accepted: 5, duplicate: 1, quarantined: 0, rejected: 0, unheard: 0, returned: 0 },
    },
  ];
  const url = await start({ flow: () => flow }, { consumers });
  expect((await fetch(`${url}/metrics`)).status).toBe(401);
  expect((await call(url, 'nobody', '/metrics')).status).toBe(401);
  expect((await call(url, 'prom-token', '/metrics')).status).toBe(200);
  const response = await fetch(`${url}/metrics`, { headers: { authorization: 'Bearer vera-token' } });
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  const lines = (await response.text()).split('\n');
  for (const line of [
    '# TYPE tenon_queue_depth gauge',
    'tenon_queue_depth{pipeline="p\\"1",tier="high"} 3',
    'tenon_queue_lag_seconds{pipeline="p\\"1",tier="high"} 1.5',
    'tenon_alarm{alarm="deadLetters",pipeline="p",queue="repair",owner="sales",escalation="pager:sales"} 1',
    'tenon_ledger_checkpoint_age_seconds{at="file"} 5',
    'tenon_ledger_checkpoint_age_seconds{at="witness"} 40',
    'tenon_runs{state="waiting"} 7',
    'tenon_runs_ended_total{state="succeeded"} 8',
    'tenon_runs_ended_total{state="cancelled"} 0',
    'tenon_retries_total 6',
    'tenon_events_older_total 4',
    'tenon_overrides_total{outcome="done"} 2',
    'tenon_overrides_total{outcome="redo"} 0',
    'tenon_effects_in_doubt{pipeline="p"} 1',
    'tenon_effects_in_doubt_oldest_seconds{pipeline="p"} 15',
    'tenon_dead_letters{pipeline="p",queue="repair",class="validation"} 2',
    'tenon_dead_letters_oldest_seconds{pipeline="p",queue="repair",class="validation"} 30',
    'tenon_connection_breaker{connection="acme",state="open"} 1',
    'tenon_connection_breaker{connection="acme",state="closed"} 0',
    'tenon_connection_held_seconds{connection="acme"} 2',
    'tenon_intake_refused_total{code="RUNTIME_BACKLOG_FULL"} 4',
    'tenon_access_refused_total{why="unknown"} 1',
    'tenon_access_refused_total{why="limited"} 0',
    'tenon_reconciliation_differences{reconciliation="agree",kind="missing"} 2',
    'tenon_reconciliation_alarm{reconciliation="agree"} 1',
    'tenon_source_consuming{connection="bus",from="orders"} 0',
    'tenon_source_messages_total{connection="bus",from="orders",outcome="accepted"} 5',
    'tenon_source_messages_total{connection="bus",from="orders",outcome="returned"} 0',
    'tenon_source_in_flight{connection="bus",from="orders"} 2',
    'tenon_source_lag{connection="bus",from="orders"} 7',
    'tenon_drill_overdue{pipeline="p",kind="rotation",connection="acme"} 1',
    'tenon_drill_overdue{pipeline="p",kind="restore"} 0',
    'tenon_drill_passed_age_seconds{pipeline="p",kind="rotation",connection="acme"} 20',
    'tenon_reconciliation_age_seconds{reconciliation="agree"} 15',
  ])
    expect(lines).toContain(line);
  // Each sample is a name, labels and a number; each name was introduced.
  const introduced = new Set(lines.flatMap((line) => /^# TYPE (\w+)/.exec(line)?.[1] ?? []));
  for (const line of lines.filter((one) => one !== '' && !one.startsWith('#'))) {
    const name = /^(\w+)(?:\{[^}]*\})? -?[\d.]+$/.exec(line)?.[1];
    expect(introduced, line).toContain(name);
  }
});

it('tells anybody whether events are taken, while the process is up all the same', async () => {
  let refusal: Failure | undefined;
  const url = await start({ intakeRefusal: () => refusal });
  const ready = await fetch(`${url}/v1/ready`);
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'ok' }]);
  refusal = {
    class: 'transient',
    code: 'RUNTIME_DISK_LOW',
    message: '9 MiB are free',
    delivery: 'notSent',
    retryAfterMs: 30_000,
  };
  const closed = await fetch(`${url}/v1/ready`);
  expect([closed.status, closed.headers.get('retry-after')]).toEqual([503, '30']);
  expect(await closed.json()).toMatchObject({ code: 'RUNTIME_DISK_LOW', detail: '9 MiB are free' });
  const health = await fetch(`${url}/v1/health`);
  expect([health.status, await health.json()]).toEqual([
    200,
    { status: 'refusing', code: 'RUNTIME_DISK_LOW' },
  ]);
});

it('lets a scraper have the metrics, and nothing else of what it serves', async () => {
  const url = await start({});
  for (const { method, path, operationId } of routes.filter((one) => one.path !== '/metrics')) {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: 'Bearer prom-token' },
    });
    expect([operationId, response.status]).toEqual([operationId, 403]);
  }
});
