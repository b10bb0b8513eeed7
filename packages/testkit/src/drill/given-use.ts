import { isObject, type Json, type JsonObject } from '@tenon/model';
import { stepIdOf } from '@tenon/runtime/drill';
import type { Start } from './parts.ts';
import { isShownBy } from './shown.ts';
import type { Outcome } from './trial.ts';

interface GivenRow {
  readonly connection: string;
  readonly resource: string;
  readonly row: JsonObject;
  /** For people. */
  readonly place: string;
}

/** What an author gave to begin with, and what of it comes to nothing: a misspelt id is seen by that. */
export class GivenUse {
  readonly #unaskedRows: Set<GivenRow>;
  readonly #signals: readonly string[];
  readonly #awaited = new Set<string>();
  readonly #unsent = new Set<string>();

  constructor({ rows, signals = {} }: Pick<Start, 'rows' | 'signals'>) {
    this.#unaskedRows = new Set(
      Object.entries(rows).flatMap(([connection, byResource]) =>
        Object.entries(byResource).flatMap(([resource, list]) =>
          list.map((row, index) => ({ connection, resource, row, place: `${resource}[${index}]` })),
        ),
      ),
    );
    this.#signals = Object.keys(signals).filter((step) => signals[step] !== null);
  }

  saw({ calls, effects, entries, unsent }: Outcome): void {
    for (const given of this.#unaskedRows) {
      const isRead = calls.some(
        ({ connection, result }) =>
          connection === given.connection && result?.ok && isIn(given.row, result.body),
      );
      const isChanged = effects.some(
        ({ connection, resource, before }) =>
          connection === given.connection &&
          resource === given.resource &&
          before &&
          isShownBy(given.row, before),
      );
      if (isRead || isChanged) this.#unaskedRows.delete(given);
    }
    for (const { kind, step } of entries)
      if (kind === 'waiting' && step !== undefined) this.#awaited.add(stepIdOf(step));
    for (const step of unsent) this.#unsent.add(step);
  }

  /** In words. `isWhole`: every way was tried; some rows are asked for in a way back alone. */
  unused(isWhole: boolean): readonly string[] {
    const rows = isWhole ? [...this.#unaskedRows] : [];
    return [
      ...rows.map(({ connection, place }) => `\`rows\`: ${connection}: ${place}: no run asks for it`),
      ...this.#signals.flatMap((step) => {
        if (this.#unsent.has(step))
          return [`\`signals\`: ${step}: what its \`match\` says does not hold of it`];
        return this.#awaited.has(step) ? [] : [`\`signals\`: ${step}: no run comes to where it waits`];
      }),
    ];
  }
}

/** Is a row shown at any place of an answer? */
function isIn(row: JsonObject, value: Json): boolean {
  if (Array.isArray(value)) return value.some((item: Json) => isIn(row, item));
  if (!isObject(value)) return false;
  // An object of JSON.
  const object = value as JsonObject;
  return isShownBy(row, object) || Object.values(object).some((member) => isIn(row, member));
}
