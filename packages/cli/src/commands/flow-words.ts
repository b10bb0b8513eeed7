import { type FailureClass, withClass } from '@tenon/model';
import type { FlowReport } from '@tenon/runtime';
import { roughDuration } from '../text/rough-duration.ts';
import { renderTable } from '../text/table.ts';

/** What is shown of a source; all of it is in contracts/operations. */
export interface SourceSeen {
  readonly connection: string;
  readonly from: string;
  readonly state: string;
  readonly inFlight: number;
  readonly lag?: number;
  readonly problem?: string;
  readonly problemClass?: FailureClass;
}

/** Earlier servers do not say what is in doubt, nor which alarms stand. */
export type KnownFlow = Omit<FlowReport, 'inDoubt' | 'alarms'> & Partial<FlowReport>;

export function flowWords(
  flow: KnownFlow,
  sources: readonly SourceSeen[],
  nowMs: number,
  width: number | undefined,
): string {
  const {
    alarms = [],
    intake,
    pipelines,
    connections,
    reconciliations,
    runs,
    inDoubt = [],
    deadLetters,
  } = flow;
  const intakeWords =
    intake.refusal === undefined
      ? 'events are taken'
      : `NO EVENT IS TAKEN: ${intake.refusal.message} (${intake.refusal.code})`;
  const open = Object.entries(runs).flatMap(([state, count]) => (count > 0 ? [`${count} ${state}`] : []));
  return [
    `intake  ${intakeWords}; ${intake.backlog} runs and ${intake.writesWaiting} writes wait`,
    `runs    ${open.join(', ') || 'none open'}`,
    alarms.length > 0 && alarmsTable(alarms, nowMs, width),
    pipelinesTable(pipelines, width),
    sources.length > 0 && sourcesTable(sources, width),
    connections.length > 0 && connectionsTable(connections, nowMs, width),
    reconciliations.length > 0 && reconciliationsTable(reconciliations, nowMs, width),
    inDoubt.length > 0 && doubtsTable(inDoubt, nowMs, width),
    deadLetters.length > 0 && deadLettersTable(deadLetters, nowMs, width),
  ]
    .filter((part) => part !== false)
    .join('\n\n');
}

function alarmsTable(alarms: FlowReport['alarms'], nowMs: number, width: number | undefined): string {
  return renderTable(
    [
      'ALARM',
      'FOR',
      { title: 'OWNER', shortens: true },
      { title: 'ESCALATION', shortens: true },
      { title: 'WHAT', below: true },
      { title: 'NEXT', below: true },
    ],
    alarms.map((each) => [
      each.alarm,
      roughDuration(nowMs - each.sinceMs),
      each.triage ?? each.owner ?? '',
      each.escalation ?? '',
      each.message,
      each.next,
    ]),
    width,
  );
}

function pipelinesTable(pipelines: FlowReport['pipelines'], width: number | undefined): string {
  return renderTable(
    [
      { title: 'PIPELINE', shortens: true },
      { title: 'VERSION', drop: 2 },
      { title: 'TIER', drop: 1 },
      'DEPTH',
      'LAG',
      'ACTIVE',
      { title: 'SWITCHES', below: true },
    ],
    pipelines.map((each) => [
      each.isRetired ? `${each.pipeline} (retired)` : each.pipeline,
      // Earlier servers do not say it.
      String(each.version ?? ''),
      each.tier,
      String(each.backlog),
      roughDuration(each.lagMs),
      `${each.active}/${each.concurrency}`,
      each.switches.join(', '),
    ]),
    width,
  );
}

function sourcesTable(sources: readonly SourceSeen[], width: number | undefined): string {
  return renderTable(
    ['SOURCE', 'STATE', 'IN FLIGHT', 'LAG', { title: 'PROBLEM', below: true }],
    sources.map((each) => [
      `${each.connection}/${each.from}`,
      each.state,
      String(each.inFlight),
      // Not every place says how much waits there.
      each.lag === undefined ? '?' : String(each.lag),
      each.problem === undefined ? '' : withClass(each.problem, each.problemClass),
    ]),
    width,
  );
}

function connectionsTable(
  connections: FlowReport['connections'],
  nowMs: number,
  width: number | undefined,
): string {
  return renderTable(
    ['CONNECTION', 'BREAKER', 'IN FLIGHT', 'WAITING', 'HELD FOR', { title: 'SWITCHES', below: true }],
    connections.map((each) => {
      const untilMs = Math.max(each.heldUntilMs ?? 0, each.closedUntilMs ?? 0);
      return [
        each.connection,
        each.breaker,
        String(each.inFlight),
        String(each.waiting),
        untilMs > nowMs ? roughDuration(untilMs - nowMs) : '',
        each.switches.join(', '),
      ];
    }),
    width,
  );
}

function reconciliationsTable(
  reconciliations: FlowReport['reconciliations'],
  nowMs: number,
  width: number | undefined,
): string {
  return renderTable(
    [{ title: 'RECONCILIATION', shortens: true }, 'STATE', 'LAST', 'DIFFERENCES', 'ALARM'],
    reconciliations.map((each) => [
      each.reconciliation,
      each.isComparing
        ? `comparing, ${each.read?.source ?? 0} and ${each.read?.target ?? 0} read`
        : (each.lastState ?? 'never compared'),
      each.lastEndedAtMs === undefined ? '' : roughDuration(nowMs - each.lastEndedAtMs),
      each.differences === undefined ? '' : String(each.differences),
      each.isAboveAlarm ? 'YES' : '',
    ]),
    width,
  );
}

function doubtsTable(inDoubt: FlowReport['inDoubt'], nowMs: number, width: number | undefined): string {
  return renderTable(
    [{ title: 'IN DOUBT OF', shortens: true }, 'COUNT', 'OLDEST'],
    inDoubt.map((each) => [each.pipeline, String(each.count), roughDuration(nowMs - each.oldestMs)]),
    width,
  );
}

function deadLettersTable(
  deadLetters: FlowReport['deadLetters'],
  nowMs: number,
  width: number | undefined,
): string {
  return renderTable(
    [{ title: 'DEAD LETTERS OF', shortens: true }, 'QUEUE', 'CLASS', 'COUNT', 'OLDEST'],
    deadLetters.map((each) => [
      each.pipeline,
      each.queue,
      each.class,
      String(each.count),
      roughDuration(nowMs - each.oldestMs),
    ]),
    width,
  );
}
