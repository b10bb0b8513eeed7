import type { Json, JsonObject } from '@tenon/model';
import type { ApproveStep } from '@tenon/pipeline';
import type { RuntimeCode } from '../rules.ts';
import type { Progress } from './interpret.ts';

/** A person's word on an approval, as it is journaled. */
export interface Decision {
  readonly decision: 'approve' | 'reject';
  readonly actor: string;
  readonly reason: string;
  /** Of several who had to approve: all of them, the one who made it whole last. */
  readonly approvals?: readonly Approver[];
}

export interface Approver {
  readonly actor: string;
  readonly reason: string;
}

export function decisionJson({ approvals, ...word }: Decision): JsonObject {
  return { ...word, ...(approvals && { approvals: approvals.map((one) => ({ ...one })) }) };
}

/** How many must approve, and who cannot, as it stands with what is open. `except`: those who approved at earlier steps. */
export interface ApartDetail {
  readonly count?: number;
  readonly exceptRequester?: true;
  readonly except?: readonly string[];
}

/** What an approval needs, and what it has. */
export interface AskedApproval<Given extends Approver = Approver> {
  readonly count: number;
  readonly given: readonly Given[];
  readonly except: readonly string[];
}

export function apartOf({ steps }: Progress, { count, except }: ApproveStep): JsonObject {
  // A step that was skipped has no result, and kept nobody from anything.
  const names = (except?.steps ?? []).flatMap((id) => approversIn(steps[id]));
  return {
    ...(count !== undefined && { count }),
    ...(except?.requester && { exceptRequester: true }),
    ...(names.length > 0 && { except: [...new Set(names)] }),
  };
}

function approversIn(result: Json | undefined): readonly string[] {
  // As `approveStep` gave it.
  const { actor, approvals } = (result ?? {}) as unknown as Partial<Decision>;
  return approvals?.map((one) => one.actor) ?? (actor === undefined ? [] : [actor]);
}

/** Begins the keys of rows that hold what was given of several approvals before the last: rows of the engine's own. */
export const GIVEN = '#given/';

/**
 * One row for each that was given, numbered, so that of two persons who approve at one moment the second is the second. Whoever stands in
 * is asked under a key of its own (`+`), and what was given before counts on.
 */
export function givenKey(openingKey: string, nth: number): string {
  return `${GIVEN}${openingKey.replace(/\+$/, '')}/${nth}`;
}

/** What was given so far, by its rows. */
export function givenTo<Given extends Approver>(
  openingKey: string,
  rowOf: (key: string) => Given | undefined,
): readonly Given[] {
  const found: Given[] = [];
  for (;;) {
    const row = rowOf(givenKey(openingKey, found.length + 1));
    if (row === undefined) return found;
    found.push(row);
  }
}

export type Judged =
  | { readonly as: 'refused'; readonly code: RuntimeCode; readonly message: string }
  /** One of several, and not the last of them. */
  | { readonly as: 'counted'; readonly nth: number }
  /** The value that the run waits for. */
  | { readonly as: 'decided'; readonly value: Decision };

/** What a word on an approval comes to. One who rejects decides for all, whoever that is: it is the way on which nothing happens. */
export function judgeDecision(
  { count, given, except }: AskedApproval,
  stepId: string,
  word: Decision,
): Judged {
  const { decision, actor } = word;
  if (decision === 'reject') return { as: 'decided', value: word };
  if (except.includes(actor))
    return {
      as: 'refused',
      code: 'APPROVAL_ACTOR_EXCEPTED',
      message: `${stepId} is not for ${actor} to approve, who started the run or approved before`,
    };
  if (count === 1) return { as: 'decided', value: word };
  const left = count - given.length;
  if (given.some((one) => one.actor === actor))
    return {
      as: 'refused',
      code: 'APPROVAL_GIVEN_ALREADY',
      message: `${actor} has approved ${stepId} already: ${left} more ${left === 1 ? 'person is' : 'persons are'} to`,
    };
  if (left > 1) return { as: 'counted', nth: given.length + 1 };
  const approvals = [...given, word].map((one) => ({ actor: one.actor, reason: one.reason }));
  return { as: 'decided', value: { ...word, approvals } };
}
