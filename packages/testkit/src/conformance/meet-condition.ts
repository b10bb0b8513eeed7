import type { Contract, HttpOperation } from '@tenon/contract';
import type { Expr } from '@tenon/expression';
import { type Json, seededRandom } from '@tenon/model';
import { sample } from '@tenon/schema';
import { put, type Wish, wishesOf } from '../wishes.ts';

export interface ConditionAnswer {
  readonly body: Json;
  readonly headers: Readonly<Record<string, string>>;
}

/** Wishes at most for one condition: each `||` doubles them. */
const WISHES_MAX = 16;

/**
 * Answers that may meet a condition over `body` and `headers`: the contract's own error body, with what the condition
 * compares, asks for or counts put in. Guesses from the condition's form; whoever uses them evaluates it.
 */
export function answerThatMeets(
  condition: Expr,
  contract: Contract,
  operation: HttpOperation,
  status: number,
): readonly ConditionAnswer[] {
  const base = errorBody(contract, operation, status);
  return wishesOf(condition, true)
    .slice(0, WISHES_MAX)
    .flatMap((wishes) => [base, {}].map((body) => granted(body, wishes)));
}

function errorBody(contract: Contract, operation: HttpOperation, status: number): Json {
  const declared =
    operation.responses.find((response) => response.status === String(status)) ??
    operation.responses.find((response) => response.status.toUpperCase() === `${String(status)[0]}XX`) ??
    operation.responses.find((response) => response.status === 'default');
  const media = declared?.content.find(({ type }) => /json/.test(type));
  const written = Object.values(media?.examples ?? {})[0];
  // An example of a contract is JSON, as the document is.
  if (written !== undefined) return written as Json;
  if (media?.schema === undefined) return {};
  return (
    sample(media.schema, { random: seededRandom(1), definitions: contract.definitions, optional: 0 }) ?? {}
  );
}

function granted(base: Json, wishes: readonly Wish[]): ConditionAnswer {
  let body = base;
  const headers: Record<string, string> = {};
  for (const { path, value } of wishes) {
    const [root, ...rest] = path;
    if (root === 'body') body = put(body, rest, value);
    else if (root === 'headers' && typeof rest[0] === 'string') headers[rest[0]] = String(value);
  }
  return { body, headers };
}
