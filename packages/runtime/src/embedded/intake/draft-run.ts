import type { Fact } from '../../engine.ts';
import { failureDetails } from '../../interpreter/effect-facts.ts';
import { newSalt, saltedDigest } from '../../interpreter/salted-digest.ts';
import { traceIdOf, traceparentFor } from '../../interpreter/trace-context.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { Noted } from '../file/ledger-rows.ts';
import { withNames } from '../file/names.ts';
import type { RunRow } from '../file/run-row.ts';
import type { Write } from '../file/statements.ts';
import { connectionOf } from './event-connection.ts';
import type { Draft, NewEvent } from './intake.ts';

/** Where a new run comes from, and what it is called. */
export interface Birth {
  readonly seq: number;
  readonly event: NewEvent;
  readonly eventSeq: number;
  /** Of the event's trace, or of the run that emitted it; without one it is the id of the first run that it starts. */
  readonly correlationId: string | undefined;
  readonly now: number;
}

/**
 * The row of a new run. It begins in the write that stores it where there is room in its lane, it has no order key and no switch
 * keeps it back: then it has its place in the lane already. What is to be stored with it is added to `writes` and `noted`.
 */
export function draftRun(
  engine: EmbeddedEngine,
  { seq, event, eventSeq, correlationId: known, now }: Birth,
  { loaded, key, orderKey, version, failure, child }: Draft,
  writes: Write[],
  noted: Noted[],
): RunRow {
  const { plan } = loaded;
  const { names } = engine.rows;
  const runId = engine.newId();
  const correlationId = known ?? runId;
  const traceparent =
    traceIdOf(event.traceparent) === undefined ? traceparentFor(correlationId) : event.traceparent!;
  // What may throw comes before a place is taken.
  const salt = newSalt();
  const payload = saltedDigest(salt, event.payload);
  const begins =
    orderKey === undefined &&
    failure === undefined &&
    !engine.board.keepsBack(plan.pipeline, key) &&
    engine.dispatcher.enter(plan.pipeline, seq);
  const row: RunRow = {
    seq,
    run_id: runId,
    pipeline: plan.pipeline,
    version: plan.version,
    plan_hash: plan.hash,
    key,
    order_key: orderKey ?? null,
    stored_order_key: orderKey === undefined ? null : names.stored('order', orderKey),
    event_seq: eventSeq,
    correlation_id: correlationId,
    traceparent,
    owner: plan.owner.team,
    state: begins ? 'running' : 'accepted',
    step: null,
    accepted_at: now,
    updated_at: now,
    clock_from: begins ? now : null,
    paused_since: null,
    due_at: begins ? null : now,
    claimed: begins ? 1 : 0,
    behind: 0,
    intake_failure: failure === undefined ? null : JSON.stringify(failureDetails(failure)),
    failure: null,
    held: null,
    salt,
    connection: connectionOf(event.source) ?? '',
  };
  const facts: Fact[] = [
    {
      kind: 'accepted',
      details: {
        runId,
        pipeline: plan.pipeline,
        correlationId,
        event: event.event,
        source: event.source,
        deliveryId: event.deliveryId,
        payload,
        plan: plan.hash,
        version: plan.version,
        traceparent,
        ...(child && {
          parent: child.link.parentRunId,
          step: child.link.parentStep,
          hops: child.link.hops,
        }),
      },
    },
  ];
  if (begins) facts.push({ kind: 'state', details: { from: 'accepted', to: 'running' } });
  noted.push(engine.noted(row, facts));
  const stored: StoredNames = {
    key: names.stored('key', key),
    secret: names.isHidden
      ? withNames(salt, { key, orderKey: row.order_key, delivery: event.deliveryId })
      : salt,
  };
  const expiresAt = now + plan.identity.retainMs;
  writes.push(begins ? putClaimedRun(row, stored) : putRun(row, stored), [
    'putKey',
    plan.pipeline,
    stored.key,
    seq,
    expiresAt,
  ]);
  writes.push(...engine.connectionParts.unnoted(row));
  if (version !== undefined && row.stored_order_key !== null)
    writes.push(['putNewest', plan.pipeline, row.stored_order_key, JSON.stringify(version), seq, expiresAt]);
  return row;
}

/** Of a new run, as it is to lie in the file: its key, and its salt, with its names where these are hidden. */
interface StoredNames {
  readonly key: string;
  readonly secret: string | null;
}

function putRun(row: RunRow, { key, secret }: StoredNames): Write {
  return [
    'putRun',
    row.seq,
    row.run_id,
    row.pipeline,
    row.version,
    row.plan_hash,
    key,
    row.stored_order_key,
    row.event_seq,
    row.correlation_id,
    row.traceparent,
    row.owner,
    row.accepted_at,
    row.intake_failure,
    secret,
    row.connection,
  ];
}

function putClaimedRun(row: RunRow, { key, secret }: StoredNames): Write {
  return [
    'putClaimedRun',
    row.seq,
    row.run_id,
    row.pipeline,
    row.version,
    row.plan_hash,
    key,
    row.event_seq,
    row.correlation_id,
    row.traceparent,
    row.owner,
    row.accepted_at,
    secret,
    row.connection,
  ];
}
