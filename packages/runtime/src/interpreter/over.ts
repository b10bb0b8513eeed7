import type { Failure } from '@tenon/model';
import type { ConnectionChoice } from '@tenon/pipeline';
import { type Progress, scopeOf } from './interpret.ts';

/** The connection that a call goes over, or why nobody can tell. */
export type Over =
  | { readonly ok: true; readonly connection: string }
  | { readonly ok: false; readonly failure: Failure };

/**
 * Chosen by what the run knows where the call is made, so it is the same for each attempt, and again after a crash. What is not among those
 * that the plan knows was granted to nobody, so nothing is sent.
 */
export function overWhich(progress: Progress, choice: ConnectionChoice): Over {
  if (typeof choice === 'string') return { ok: true, connection: choice };
  const named = progress.loaded.expression(choice.over, scopeOf(progress));
  if (!named.ok) return named;
  const connection = choice.among.find((one) => one === named.value);
  return connection === undefined ? { ok: false, failure: NOT_AMONG } : { ok: true, connection };
}

/** Undone is an effect over the connection that it was made over, whatever would be chosen by now. */
export function undoneOver(choice: ConnectionChoice, done: Over): Over {
  return typeof choice === 'string' ? { ok: true, connection: choice } : done;
}

const NOT_AMONG: Failure = {
  class: 'validation',
  code: 'CONNECTION_NOT_AMONG',
  message: '`over` gave no name of a connection that the plan may use here',
  delivery: 'notSent',
};
