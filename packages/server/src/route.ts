import type { JsonObject } from '@tenon/model';
import type { ActionResult, Runtime, RuntimeCode } from '@tenon/runtime';
import type { JsonSchema } from '@tenon/schema';
import type { Access } from './access.ts';
import type { ConsumerStatus } from './consumer.ts';
import type { DeliveryCounts } from './delivery-counts.ts';
import type { Operator, Permission } from './operators.ts';
import type { Problem } from './problem.ts';

export type Answer =
  | { readonly text: string; readonly type: string }
  | { readonly body: object; readonly status?: number }
  | { readonly problem: Problem }
  | 'done';

export interface Call {
  readonly runtime: Runtime;
  readonly deliveries: DeliveryCounts;
  readonly tokensRefused: Access['refused'];
  readonly sources: readonly ConsumerStatus[];
  readonly actor: Operator;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

export interface Route {
  readonly operationId: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly permission: Permission;
  readonly body?: JsonSchema;
  readonly handle: (call: Call) => Answer | Promise<Answer>;
}

/** Why somebody does something: it ends in the ledger, where a blank one would account for nothing. */
const reason: JsonSchema = { type: 'string', minLength: 1, maxLength: 1000, pattern: '\\S' };

/** A body that says why, with these members beside it. */
export function withReason(
  members: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): JsonSchema {
  return {
    type: 'object',
    required: [...required, 'reason'],
    properties: { ...members, reason },
    additionalProperties: false,
  };
}

export const reasonOnly: JsonSchema = withReason({});

/** What is to be done, by a filter with at least one of these members, and why. */
export function filterAndReason(members: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const filter = {
    type: 'object',
    minProperties: 1,
    properties: members,
    additionalProperties: false,
  } as const;
  return withReason({ filter }, ['filter']);
}

/** Of a step, a pipeline or an event, where it is told what is meant if there is none of that name. */
export const name: JsonSchema = { type: 'string', minLength: 1 };

/** A name by which something is asked for. */
export const text: JsonSchema = { type: 'string', minLength: 1, maxLength: 1_000 };

/** Runs let out a second, at most. */
export const perSecond: JsonSchema = { type: 'number', exclusiveMinimum: 0, maximum: 1_000 };

/** What a dry run names, with the token by which exactly that is done. */
export function planned(result: Planned): Answer {
  return result.ok ? { body: result.report } : acted(result);
}

type Planned = { readonly ok: true; readonly report: object } | (ActionResult & { readonly ok: false });

export function acted(result: ActionResult): Answer {
  if (result.ok) return 'done';
  const { code, message: detail, before } = result;
  const status = NOT_ALLOWED.has(code) ? 403 : 409;
  return {
    problem: { status, code, title: titleOf(code), detail, ...(before !== undefined && { before }) },
  };
}

/** What is asked for is not there, under the code that whoever would act on it is answered with. */
export function absent(code: RuntimeCode, detail: string): Answer {
  return { problem: { status: 404, code, title: titleOf(code), detail } };
}

function titleOf(code: string): string {
  if (ABSENT.has(code)) return 'Not found';
  if (NOT_ALLOWED.has(code)) return 'Not allowed';
  return FOR_GOOD.has(code) ? 'Not possible any more' : 'Not possible now';
}

/** It is another person's to say. */
const NOT_ALLOWED: ReadonlySet<string> = new Set([
  'APPROVAL_TEAM_REFUSED',
  'APPROVAL_ACTOR_EXCEPTED',
] satisfies RuntimeCode[]);

/** What is named is not there. */
const ABSENT: ReadonlySet<string> = new Set([
  'RUN_NOT_FOUND',
  'REPLAY_UNKNOWN',
  'CANCEL_UNKNOWN',
  'REPAIR_UNKNOWN',
  'RECONCILIATION_UNKNOWN',
  'DRILL_UNKNOWN',
] satisfies RuntimeCode[]);

/** What stays refused, however long one waits. */
const FOR_GOOD: ReadonlySet<string> = new Set([
  'RUN_ENDED',
  'RUN_COMPENSATED',
  'RUN_CANCELLED_ALREADY',
  'REPLAY_APPLIED_ALREADY',
  'REPLAY_EXPIRED',
  'CANCEL_EXPIRED',
] satisfies RuntimeCode[]);
