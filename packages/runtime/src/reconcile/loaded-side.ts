import { compileExpression, compileTemplate, type Scope, type ValueTemplate } from '@tenon/expression';
import type { Failure, Json, JsonObject } from '@tenon/model';
import type { ReconciliationPlan } from '@tenon/pipeline';
import { momentOf, type RecordRow } from './compare.ts';

export type Side = 'source' | 'target';

/** One side of a plan with its expressions compiled. */
export interface LoadedSide {
  /** Input of its read. */
  input(window: JsonObject): JsonObject;
  /** What of a record is compared; `undefined` for one that is left out. Throws `RecordUnreadable`. */
  row(record: Json, window: JsonObject): RecordRow | undefined;
}

/** An expression over a record, or over the window, that has no value: the comparison is given up, and says why. */
export class RecordUnreadable extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

export function loadSide(plan: ReconciliationPlan, side: Side): LoadedSide {
  const { policies } = plan;
  const written = plan.sides[side];
  const compiled = (template: ValueTemplate, what: string): ((scope: Scope) => Json) => {
    const { evaluate } = compileTemplate(template, { policies });
    return (scope) => valueFrom(evaluate(scope), `${what} of the ${side}`);
  };
  const input = compiled(written.with, '`with`');
  const where =
    written.where === undefined ? undefined : compileExpression(written.where, { policies }).evaluate;
  // An expression whose value is absent has none, so it is asked for as a member, which is then left out.
  const parts = compiled(
    {
      object: {
        key: written.key,
        ...(written.id && { id: written.id }),
        ...(written.changedAt && { changedAt: written.changedAt }),
        ...Object.fromEntries(written.compare.map((one, index) => [`v${index}`, one])),
        ...Object.fromEntries(written.totals.map((one, index) => [`t${index}`, one])),
      },
    },
    'a value',
  );
  const starts = side === 'source' ? plan.repair.map(({ start }) => start && compiled(start, '`start`')) : [];
  const entities =
    side === 'source' && plan.repair.some(({ isOfRecord }) => isOfRecord)
      ? plan.repair.map(({ entity, isOfRecord }) =>
          // What the record lacks names no entity, and ends no comparison.
          isOfRecord ? compileTemplate({ object: { entity } }, { policies }).evaluate : undefined,
        )
      : undefined;
  return {
    input: (window) => {
      const value = input({ input: window, event: window });
      // The check has found an object here: what operations take.
      return value as JsonObject;
    },
    row: (record, window) => {
      const scope: Scope = { record, input: window, event: window };
      if (where !== undefined && valueFrom(where(scope), `\`where\` of the ${side}`) !== true)
        return undefined;
      // A template of members gives an object.
      const made = parts(scope) as JsonObject;
      return {
        side,
        key: textOf(made['key']),
        id: textOf(made['id']),
        changedAtMs: momentOf(made['changedAt'] ?? null) ?? null,
        values: written.compare.map((_, index) => made[`v${index}`] ?? null),
        totals: written.totals.map((_, index) => {
          const value = made[`t${index}`];
          return typeof value === 'number' ? value : null;
        }),
        starts: starts.map((start) => start?.(scope) ?? null),
        ...(entities && {
          entities: entities.map((entity) => {
            const made = entity?.(scope);
            return made?.ok ? textOf((made.value as JsonObject)['entity']) : null;
          }),
        }),
      };
    },
  };
}

type Evaluation = ReturnType<ReturnType<typeof compileExpression>['evaluate']>;

function valueFrom(evaluation: Evaluation, what: string): Json {
  if (evaluation.ok) return evaluation.value;
  const { code, message } = evaluation.error;
  throw new RecordUnreadable({
    class: 'validation',
    code,
    message: `${what}: ${message}`,
    delivery: 'notSent',
  });
}

/** A key or an id as text, so that `7` in one system is `"7"` in the other. */
function textOf(value: Json | undefined): string | null {
  if (typeof value === 'string') return value === '' ? null : value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}
