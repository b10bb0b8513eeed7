import { type FlowReport, terminalStates } from '@tenon/runtime';
import type { Access } from './access.ts';
import type { ConsumerStatus } from './consumer.ts';
import type { DeliveryCounts } from './delivery-counts.ts';

/** The report that `/v1/flow` gives, and what the server alone knows. */
type Measured = FlowReport & {
  readonly deliveries: Pick<DeliveryCounts, 'webhooks' | 'refusedByCode'>;
  readonly sources: readonly ConsumerStatus[];
  readonly tokensRefused: Access['refused'];
};

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [value: number, labels?: Labels];

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: (flow: Measured) => readonly Sample[];
}

/** What tells alarms apart, and whose each is: what changes while it stands is none. */
export const ALARM_LABELS = [
  'alarm',
  'pipeline',
  'queue',
  'flag',
  'connection',
  'source',
  'reference',
  'reconciliation',
  'code',
  'owner',
  'triage',
  'data',
  'backup',
  'escalation',
] as const;
const BREAKER_STATES = ['closed', 'halfOpen', 'open'] as const;

/** What `/metrics` shows. Counters count since the process began. */
const metrics: readonly Metric[] = [
  {
    name: 'tenon_alarm',
    type: 'gauge',
    help: '1 for each alarm that was given and is not over, with who is to look',
    samples: ({ alarms }) =>
      alarms.map((alarm): Sample => {
        const labels = ALARM_LABELS.map((name): [string, string | undefined] => [name, alarm[name]]);
        return [1, Object.fromEntries(labels.filter(isKnown))];
      }),
  },
  {
    name: 'tenon_ledger_checkpoint_age_seconds',
    type: 'gauge',
    help: 'How long ago the last checkpoint of the ledger was signed that is in its file, and that the witness took',
    samples: ({ atMs, checkpoints }) =>
      [
        { at: 'file', signedAtMs: checkpoints?.keptAtMs },
        { at: 'witness', signedAtMs: checkpoints?.witnessedAtMs },
      ].flatMap(({ at, signedAtMs }): Sample[] =>
        signedAtMs === undefined ? [] : [[Math.max(0, atMs - signedAtMs) / 1_000, { at }]],
      ),
  },
  {
    name: 'tenon_intake_accepting',
    type: 'gauge',
    help: '1 while events are taken',
    samples: ({ intake }) => [[intake.refusal === undefined ? 1 : 0]],
  },
  {
    name: 'tenon_intake_writes_waiting',
    type: 'gauge',
    help: 'Groups of writes that wait for the disk',
    samples: ({ intake }) => [[intake.writesWaiting]],
  },
  {
    name: 'tenon_intake_bytes_waiting',
    type: 'gauge',
    help: 'Bytes of events that wait for the disk',
    samples: ({ intake }) => [[intake.bytesWaiting]],
  },
  {
    name: 'tenon_intake_refused_total',
    type: 'counter',
    help: 'Events and deliveries refused, by code',
    // The codes of one are none of the other.
    samples: ({ intake, deliveries }) =>
      Object.entries({ ...intake.refused, ...deliveries.refusedByCode }).map(([code, n]) => [n, { code }]),
  },
  {
    name: 'tenon_deliveries_total',
    type: 'counter',
    help: 'Deliveries to each webhook, accepted or refused',
    samples: ({ deliveries }) =>
      deliveries.webhooks.flatMap(({ connection, event, accepted, refused }): Sample[] => [
        [accepted, { connection, event, outcome: 'accepted' }],
        [refused, { connection, event, outcome: 'refused' }],
      ]),
  },
  {
    name: 'tenon_access_refused_total',
    type: 'counter',
    help: 'Tokens shown to the operations API that were not taken, by why: they are nobody’s, or were not looked at',
    samples: ({ tokensRefused }) => Object.entries(tokensRefused).map(([why, n]): Sample => [n, { why }]),
  },
  {
    name: 'tenon_source_consuming',
    type: 'gauge',
    help: '1 while messages are taken from a broker, a listing or a folder',
    samples: ({ sources }) =>
      sources.map(({ connection, from, state }) => [state === 'consuming' ? 1 : 0, { connection, from }]),
  },
  {
    name: 'tenon_source_messages_total',
    type: 'counter',
    help: 'Messages of each source, by what became of them',
    samples: ({ sources }) =>
      sources.flatMap(({ connection, from, counts }) =>
        Object.entries(counts).map(([outcome, n]): Sample => [n, { connection, from, outcome }]),
      ),
  },
  {
    name: 'tenon_source_in_flight',
    type: 'gauge',
    help: 'Messages that a source has handed on and that are not settled',
    samples: ({ sources }) =>
      sources.map(({ connection, from, inFlight }) => [inFlight, { connection, from }]),
  },
  {
    name: 'tenon_source_lag',
    type: 'gauge',
    help: 'Messages that wait at the broker, as last seen there, where it says',
    samples: ({ sources }) =>
      sources.flatMap(({ connection, from, lag }): Sample[] =>
        lag === undefined ? [] : [[lag, { connection, from }]],
      ),
  },
  {
    name: 'tenon_queue_depth',
    type: 'gauge',
    help: 'Runs accepted whose turn has not come',
    samples: ({ pipelines }) => pipelines.map(({ pipeline, tier, backlog }) => [backlog, { pipeline, tier }]),
  },
  {
    name: 'tenon_queue_lag_seconds',
    type: 'gauge',
    help: 'For how long the run that is due first has been due',
    samples: ({ pipelines }) =>
      pipelines.map(({ pipeline, tier, lagMs }) => [lagMs / 1_000, { pipeline, tier }]),
  },
  {
    name: 'tenon_runs_active',
    type: 'gauge',
    help: 'Runs at work now',
    samples: ({ pipelines }) => pipelines.map(({ pipeline, tier, active }) => [active, { pipeline, tier }]),
  },
  {
    name: 'tenon_pipeline_switched',
    type: 'gauge',
    help: '1 for each switch on a pipeline',
    samples: ({ pipelines }) =>
      pipelines.flatMap(({ pipeline, switches }) =>
        switches.map((id): Sample => [1, { pipeline, switch: id }]),
      ),
  },
  {
    name: 'tenon_runs',
    type: 'gauge',
    help: 'Runs that have not ended, or are parked, by state (counted to 100,000)',
    samples: ({ runs }) => Object.entries(runs).map(([state, n]) => [n, { state }]),
  },
  {
    name: 'tenon_runs_accepted_total',
    type: 'counter',
    help: 'Runs accepted',
    samples: ({ counts }) => [[counts.accepted]],
  },
  {
    name: 'tenon_runs_ended_total',
    type: 'counter',
    help: 'Runs that came to an end, by state',
    // Each state from the first scrape on: a series that begins at 1 has no increase.
    samples: ({ counts }) => [...terminalStates].map((state) => [counts.ended[state] ?? 0, { state }]),
  },
  {
    name: 'tenon_retries_total',
    type: 'counter',
    help: 'Attempts that are to be made once more',
    samples: ({ counts }) => [[counts.retries]],
  },
  {
    name: 'tenon_runs_held_total',
    type: 'counter',
    help: 'Runs put by for a switch or a maintenance window',
    samples: ({ counts }) => [[counts.held]],
  },
  {
    name: 'tenon_events_older_total',
    type: 'counter',
    help: 'Events left out, because a newer one of their entity had been taken',
    samples: ({ counts }) => [[counts.older]],
  },
  {
    name: 'tenon_overrides_total',
    type: 'counter',
    help: 'Outcomes that people gave: done or undone by hand, or a verdict on an effect in doubt',
    samples: ({ counts }) => Object.entries(counts.overrides).map(([outcome, n]) => [n, { outcome }]),
  },
  {
    name: 'tenon_effects_in_doubt',
    type: 'gauge',
    help: 'Effects whose outcome is not known',
    samples: ({ inDoubt }) => inDoubt.map(({ pipeline, count }) => [count, { pipeline }]),
  },
  {
    name: 'tenon_effects_in_doubt_oldest_seconds',
    type: 'gauge',
    help: 'Age of the oldest effect whose outcome is not known',
    samples: ({ atMs, inDoubt }) =>
      inDoubt.map(({ pipeline, oldestMs }) => [Math.max(0, atMs - oldestMs) / 1_000, { pipeline }]),
  },
  {
    name: 'tenon_dead_letters',
    type: 'gauge',
    help: 'Parked runs by failure class',
    samples: ({ deadLetters }) =>
      deadLetters.map(({ pipeline, queue, class: failureClass, count }) => [
        count,
        { pipeline, queue, class: failureClass },
      ]),
  },
  {
    name: 'tenon_dead_letters_oldest_seconds',
    type: 'gauge',
    help: 'Age of the oldest parked run by failure class',
    samples: ({ atMs, deadLetters }) =>
      deadLetters.map(({ pipeline, queue, class: failureClass, oldestMs }) => [
        Math.max(0, atMs - oldestMs) / 1_000,
        { pipeline, queue, class: failureClass },
      ]),
  },
  {
    name: 'tenon_reconciliation_differences',
    type: 'gauge',
    help: 'What the last comparison of two systems found, by kind',
    samples: ({ reconciliations }) =>
      reconciliations.flatMap(({ reconciliation, counts }) =>
        Object.entries(counts ?? {}).map(([kind, n]): Sample => [n, { reconciliation, kind }]),
      ),
  },
  {
    name: 'tenon_reconciliation_alarm',
    type: 'gauge',
    help: '1 while two systems differ by more than they may, or could not be compared',
    samples: ({ reconciliations }) =>
      reconciliations.map(({ reconciliation, isAboveAlarm }) => [isAboveAlarm ? 1 : 0, { reconciliation }]),
  },
  {
    name: 'tenon_reconciliation_age_seconds',
    type: 'gauge',
    help: 'How long ago two systems were compared last',
    samples: ({ atMs, reconciliations }) =>
      reconciliations.flatMap(({ reconciliation, lastEndedAtMs }): Sample[] =>
        lastEndedAtMs === undefined ? [] : [[Math.max(0, atMs - lastEndedAtMs) / 1_000, { reconciliation }]],
      ),
  },
  {
    name: 'tenon_drill_overdue',
    type: 'gauge',
    help: '1 for each drill that a pipeline asks for and that is overdue, 0 for one that is not',
    samples: ({ drills }) => drills.map((drill): Sample => [drill.isOverdue ? 1 : 0, drillLabels(drill)]),
  },
  {
    name: 'tenon_drill_passed_age_seconds',
    type: 'gauge',
    help: 'How long ago each drill that a pipeline asks for was last passed',
    samples: ({ atMs, drills }) =>
      drills.flatMap(({ lastPassedAtMs, ...drill }): Sample[] =>
        lastPassedAtMs === undefined
          ? []
          : [[Math.max(0, atMs - lastPassedAtMs) / 1_000, drillLabels(drill)]],
      ),
  },
  {
    name: 'tenon_connection_breaker',
    type: 'gauge',
    help: '1 for the state that the breaker of a connection is in',
    samples: ({ connections }) =>
      connections.flatMap(({ connection, breaker }) =>
        BREAKER_STATES.map((state): Sample => [breaker === state ? 1 : 0, { connection, state }]),
      ),
  },
  {
    name: 'tenon_connection_in_flight',
    type: 'gauge',
    help: 'Calls on the wire',
    samples: ({ connections }) => connections.map(({ connection, inFlight }) => [inFlight, { connection }]),
  },
  {
    name: 'tenon_connection_waiting',
    type: 'gauge',
    help: 'Calls that wait for a turn or for quota',
    samples: ({ connections }) => connections.map(({ connection, waiting }) => [waiting, { connection }]),
  },
  {
    name: 'tenon_connection_held_seconds',
    type: 'gauge',
    help: 'For how long calls are held yet: asked for by the other side, or in a maintenance window',
    samples: ({ atMs, connections }) =>
      connections.map(({ connection, heldUntilMs = 0, closedUntilMs = 0 }) => [
        Math.max(0, heldUntilMs - atMs, closedUntilMs - atMs) / 1_000,
        { connection },
      ]),
  },
];

export const metricNames: readonly string[] = metrics.map(({ name }) => name);

/** In the Prometheus text format, version 0.0.4. */
export function prometheusText(flow: Measured): string {
  return metrics
    .flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...samples(flow).map(([value, labels = {}]) => `${name}${labelText(labels)} ${value}`),
    ])
    .join('\n')
    .concat('\n');
}

function drillLabels({
  pipeline,
  kind,
  connection,
}: Pick<FlowReport['drills'][number], 'pipeline' | 'kind' | 'connection'>): Labels {
  return { pipeline, kind, ...(connection !== undefined && { connection }) };
}

function isKnown(label: [string, string | undefined]): label is [string, string] {
  return label[1] !== undefined;
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
