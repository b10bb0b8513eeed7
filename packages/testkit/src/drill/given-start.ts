import { didYouMean, isObject, type Json, type JsonObject } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { allSteps, connectionsOf, loadPlan } from '@tenon/runtime/drill';
import { untakenOf } from '../sandbox/engine.ts';
import { type Rows, readRows } from '../sandbox/rows.ts';
import { madePayload, withGiven } from './made-events.ts';
import { type DrillSource, incomingTo, type Start } from './parts.ts';

const MEMBERS = ['event', 'headers', 'connection', 'rows', 'signals'];

/**
 * What a drill is to begin with, as it comes from a file: `event` (of a manual pipeline: its input), `headers` of it, the `connection` over which it comes (by
 * default the first), `rows` by connection and resource, and `signals`: what awaited events bring, by step. The text says what is wrong with it: what the contract does not allow would be refused, and the drill be about something else.
 */
export function readStart(value: unknown, plan: Plan, { workspace }: DrillSource): Start | string {
  if (!isObject(value)) return 'expected an object: `event`, and `rows` by connection and resource';
  const strange = Object.keys(value).find((name) => !MEMBERS.includes(name));
  if (strange !== undefined) return `there is no \`${strange}\`; ${meantAmong(strange, MEMBERS)}`;
  const { event, headers, connection, rows = {}, signals } = value;
  if (event === undefined) return 'expected an `event`: what the pipeline is started by';
  if (headers !== undefined && !isObject(headers)) return '`headers`: expected an object';
  if (!isObject(rows)) return '`rows`: expected an object: rows by resource, by connection';
  // As JSON or YAML gave it, which hold nothing else.
  const given = { event: event as Json, ...(headers !== undefined && { headers: headers as JsonObject }) };
  const refusal = refusalOf(plan, given);
  if (refusal !== undefined) return `\`event\`: ${refusal}`;
  const incoming = 'manual' in plan.trigger ? [] : incomingTo(workspace, plan.trigger.event);
  const over = connection === undefined ? incoming[0] : incoming.find((name) => name === connection);
  if (connection !== undefined && over === undefined)
    return incoming.length === 0
      ? '`connection`: what starts it comes over none'
      : `\`connection\`: it comes over ${incoming.join(', ')}, and not over \`${connection}\``;
  const awaited = signals === undefined ? undefined : readSignals(signals, plan);
  if (typeof awaited === 'string') return `\`signals\`: ${awaited}`;
  const connections = [...connectionsOf(plan)];
  const read: Record<string, Rows> = {};
  for (const [connection, value] of Object.entries(rows)) {
    if (!connections.includes(connection))
      return `\`rows\`: ${plan.pipeline} calls nothing over \`${connection}\`; over ${connections.join(', ')}`;
    const found = readRows(value);
    if (typeof found === 'string') return `\`rows\`: ${connection}: ${found}`;
    const manifest = workspace.connectors.get(
      workspace.config.connections[connection]?.connector ?? connection,
    );
    const contract = manifest && workspace.contracts.get(manifest.contract);
    const [unfit] = manifest && contract ? untakenOf({ contract, manifest }, found) : [];
    if (unfit !== undefined) return `\`rows\`: ${connection}: ${unfit.words}`;
    read[connection] = found;
  }
  return {
    ...given,
    ...(over !== undefined && { connection: over }),
    rows: read,
    ...(awaited && { signals: awaited }),
    isGiven: true,
  };
}

function readSignals(value: unknown, plan: Plan): NonNullable<Start['signals']> | string {
  if (!isObject(value)) return 'expected an object: what an event brings, by the step that waits for it';
  const loaded = loadPlan(plan);
  const waits = new Map(
    allSteps(plan.steps).flatMap((step) =>
      step.kind === 'wait' && 'event' in step.for ? [[step.id, step.for] as const] : [],
    ),
  );
  for (const [id, brings] of Object.entries(value)) {
    const wait = waits.get(id);
    if (wait === undefined)
      return `there is no step \`${id}\` that waits for an event; ${meantAmong(id, [...waits.keys()])}`;
    const schema = loaded.plan.events[wait.event]?.payload;
    const made = schema === undefined ? undefined : madePayload(schema, 1);
    // As JSON or YAML gave it. What it leaves open is made up.
    const refusal =
      made === undefined || brings === null
        ? undefined
        : loaded.refusal(wait.event, withGiven(made, brings as Json), 'unread');
    if (refusal !== undefined) return `${id}: ${refusal.message}`;
  }
  // As JSON or YAML gave it.
  return value as NonNullable<Start['signals']>;
}

function meantAmong(name: string, names: readonly string[]): string {
  const meant = didYouMean(name, names);
  return meant === undefined ? `there are: ${names.join(', ') || 'none'}` : `did you mean \`${meant}\`?`;
}

function refusalOf(plan: Plan, { event, headers }: Omit<Start, 'rows'>): string | undefined {
  const loaded = loadPlan(plan);
  const { trigger } = plan;
  const failure =
    'manual' in trigger
      ? loaded.inputRefusal(event)
      : loaded.refusal(trigger.event, event, headers ?? 'unread');
  return failure?.message;
}
