import { isObject, type Json, type JsonObject } from '@tenon/model';
import type { RunDetail } from '@tenon/runtime';

/** What the runtime shows in place of what a contract classes. */
const HIDDEN = '[redacted]';

/** What a trial knows of the data of a run, since it sent it or answered it. */
export interface Truth {
  readonly event?: Json;
  readonly headers?: JsonObject | undefined;
  /** By the place of the step. */
  result(place: string): Json | undefined;
}

/** A run with what is hidden in it put back, as far as it is known: its conditions are about that. */
export function inClear(run: RunDetail, truth: Truth): RunDetail {
  const { input, headers, steps } = run;
  return {
    ...run,
    input: shownWith(input, truth.event),
    ...(headers !== undefined && { headers: shownWith(headers, truth.headers) }),
    steps: steps.map((step) =>
      step.result === undefined ? step : { ...step, result: shownWith(step.result, truth.result(step.id)) },
    ),
  };
}

function shownWith(shown: Json, truth: Json | undefined): Json {
  if (truth === undefined) return shown;
  if (shown === HIDDEN) return truth;
  if (Array.isArray(shown)) {
    const items: readonly Json[] = Array.isArray(truth) ? truth : [];
    return shown.map((item: Json, index) => shownWith(item, items[index]));
  }
  if (!isObject(shown) || !isObject(truth)) return shown;
  return Object.fromEntries(
    // Objects of JSON.
    Object.entries(shown as JsonObject).map(([name, member]) => [
      name,
      shownWith(member, Object.hasOwn(truth, name) ? (truth as JsonObject)[name] : undefined),
    ]),
  );
}
