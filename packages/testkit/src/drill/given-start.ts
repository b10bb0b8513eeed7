import { didYouMean, isObject, type Json, type JsonObject } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { connectionsOf, loadPlan } from '@tenon/runtime/drill';
import { untakenOf } from '../sandbox/engine.ts';
import { type Rows, readRows } from '../sandbox/rows.ts';
import { type DrillSource, incomingTo, type Start } from './parts.ts';

const MEMBERS = ['event', 'headers', 'connection', 'rows'];

/**
 * What a drill is to begin with, as it comes from a file: `event` (of a manual pipeline: its input), `headers` of it, the `connection` over which it comes (by
 * default the first), and `rows` by connection and resource. The text says what is wrong with it: what the contract does not allow would be refused, and the drill be about something else.
 */
export function readStart(value: unknown, plan: Plan, { workspace }: DrillSource): Start | string {
  if (!isObject(value)) return 'expected an object: `event`, and `rows` by connection and resource';
  const strange = Object.keys(value).find((name) => !MEMBERS.includes(name));
  if (strange !== undefined) return `there is no \`${strange}\`; ${meantBy(strange)}`;
  const { event, headers, connection, rows = {} } = value;
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
  return { ...given, ...(over !== undefined && { connection: over }), rows: read, isGiven: true };
}

function meantBy(name: string): string {
  const meant = didYouMean(name, MEMBERS);
  return meant === undefined ? `there are: ${MEMBERS.join(', ')}` : `did you mean \`${meant}\`?`;
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
