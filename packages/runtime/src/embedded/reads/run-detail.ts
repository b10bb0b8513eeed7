import type { Failure, Json, JsonObject } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { allSteps, stepIdOf } from '../../loaded-plan.ts';
import type { RunDetail, RunSummary } from '../../runtime.ts';
import { idOfTag } from '../../switches.ts';
import { Standing } from '../control/standing.ts';
import { eventParts } from '../file/event-value.ts';
import { redacted } from '../file/redact.ts';
import type { JournalRow, RunRow } from '../file/run-row.ts';
import type { StoredRows, StoredRun } from '../file/stored-rows.ts';
import { lettingGoOf } from '../work/letting-go.ts';
import { AskedApprovals } from './asked-approval.ts';
import { withAwaited } from './awaited.ts';
import { parkedEffects } from './parked-effects.ts';
import type { Queries } from './queries.ts';
import { stepRecords } from './step-records.ts';

/** All that is shown of one run. */
export function runDetail(queries: Queries, row: RunRow): RunDetail {
  const { stored } = queries;
  const own = queries.planOf(row);
  const plan = { ...own, redact: queries.redactions.of(own) };
  const { steps, stepsUnread, ...parked } = doneOf(queries, plan, row);
  const { payload: input, headers } = eventParts(stored.shownPayload(row.event_seq));
  return {
    ...summaryOf(stored, row),
    ...new Standing(stored).of(row, row.stored_order_key),
    contracts: plan.contracts,
    input: redacted(input, inputPointers(plan, row)),
    ...(headers !== undefined && readsHeaders(plan) && { headers: redactedHeaders(headers, plan, row) }),
    steps,
    ...(stepsUnread && { stepsUnread }),
    ...lettingGoOf(stored.read, row),
    ...family(queries, row),
    ...(row.failure !== null && {
      failure: JSON.parse(row.failure) as Failure & { readonly step: string },
    }),
    ...parked,
  };
}

/** What its journal tells. One that holds what the runtime never writes there tells nothing, and that is said. */
function doneOf(
  queries: Queries,
  plan: Plan,
  row: RunRow,
): Pick<RunDetail, 'steps' | 'stepsUnread' | 'canBeDone' | 'doneGivesNothing' | 'undoing'> {
  try {
    const journal = queries.journalOf(row.seq);
    const openings = queries.openingsOf(row.seq);
    const canBeDone = parkedEffects(plan, row, openings, journal);
    const giveNothing = canBeDone.filter((place) => givesNothing(plan, place));
    return {
      steps: withAwaited(stepRecords(plan, row, journal), openings, new AskedApprovals(queries.stored)),
      ...(canBeDone.length > 0 && { canBeDone }),
      ...(giveNothing.length > 0 && { doneGivesNothing: giveNothing }),
      ...undoingOf(journal),
    };
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
    const message = `what run ${row.run_id} has done cannot be told: its journal holds a value that is not of the form in which it was written (${error.message})`;
    return { steps: [], stepsUnread: { code: 'STORED_VALUE_DAMAGED', message } };
  }
}

/** What is shown of each run of a list. */
export function summaryOf(stored: StoredRows, row: StoredRun | RunRow): RunSummary {
  const connection = stored.connectionOf(row);
  return {
    runId: row.run_id,
    pipeline: row.pipeline,
    version: row.version,
    planHash: row.plan_hash,
    key: row.key,
    ...(row.order_key !== null && { orderKey: row.order_key }),
    ...(connection !== undefined && { connection }),
    state: row.state,
    ...(row.step !== null && { step: row.step }),
    acceptedAtMs: row.accepted_at,
    updatedAtMs: row.updated_at,
    owner: row.owner,
    correlationId: row.correlation_id,
    ...(row.held !== null && { heldBy: (JSON.parse(row.held) as string[]).map(idOfTag) }),
  };
}

function family(queries: Queries, { seq }: RunRow): Pick<RunDetail, 'parent' | 'children'> {
  const { stored } = queries;
  const [parent] = stored.read.rows<RunRow & { parent_step: string }>(
    'SELECT p.*, c.parent_step FROM children c JOIN runs p ON p.seq = c.parent_seq WHERE c.run_seq = ?',
    seq,
  );
  const children = queries.childrenOf(seq).map(({ run_id: runId, pipeline, state, parent_step: step }) => ({
    runId,
    pipeline,
    step,
    state,
  }));
  return {
    ...(parent && {
      parent: {
        runId: parent.run_id,
        pipeline: parent.pipeline,
        step: stored.place(parent.seq, parent.parent_step),
      },
    }),
    ...(children.length > 0 && { children }),
  };
}

/** Those of an event that others read, too, or that was held, may be stored for them: what of those is classed, this plan does not know. */
function readsHeaders({ trigger, events }: Plan): boolean {
  return 'event' in trigger && events[trigger.event]?.headers !== undefined;
}

function redactedHeaders(headers: JsonObject, plan: Plan, row: RunRow): Json {
  const pointers = plan.redact['headers'] ?? [];
  return redacted(headers, row.intake_failure !== null && pointers.length > 0 ? [''] : pointers);
}

/** An event that is not what its contract describes may hold classed data anywhere. */
function inputPointers(plan: Plan, row: RunRow): readonly string[] {
  const pointers = plan.redact['event'] ?? [];
  return row.intake_failure !== null && pointers.length > 0 ? [''] : pointers;
}

/** Does the operation of the step answer nothing, as one with 204 alone? */
function givesNothing(plan: Plan, place: string): boolean {
  const step = allSteps(plan.steps).find(({ id }) => id === stepIdOf(place));
  const result = step?.kind === 'call' ? plan.operations[step.operation]?.result : undefined;
  return typeof result === 'object' && result.type === 'null';
}

/** Written where its undoing began: see `compensate` and `takeBack`. */
function undoingOf(journal: readonly JournalRow[]): Pick<RunDetail, 'undoing'> {
  const row = journal.find(({ key }) => key === '/compensating');
  const undoing: RunDetail['undoing'] | null = JSON.parse(row?.value ?? 'null');
  return undoing == null ? {} : { undoing };
}
