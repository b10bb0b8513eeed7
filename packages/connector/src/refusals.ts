import type { FailureClass } from '@tenon/model';
import type { FailureRule } from './manifest.ts';

/** Classes of answers that say for certain that nothing was done, and say so again if they are asked again. */
const DEFINITE: ReadonlySet<FailureClass> = new Set([
  'permission',
  'validation',
  'conflict',
  'duplicate',
  'notFound',
  'permanent',
]);

/** Classes whose name says enough for a step to go by, where no rule gives the answer a name of its own. */
const NAMED_BY_CLASS: ReadonlySet<FailureClass> = new Set(['conflict', 'duplicate', 'notFound']);

/** What the built-in table classes so: names that every operation over HTTP has. */
export const BUILT_IN_REFUSALS: Readonly<Record<string, readonly string[]>> = {
  conflict: ['409', '412', '428'],
  notFound: ['404', '410'],
};

/** The name by which a step may take an answer as a value whose rule gives none. */
export function refusalOfClass(failureClass: FailureClass): string | undefined {
  return NAMED_BY_CLASS.has(failureClass) ? failureClass : undefined;
}

/** Names of the answers of an operation that a step may take as a value, with the statuses that they have. */
export function refusalsOf(rules: readonly FailureRule[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>(Object.entries(BUILT_IN_REFUSALS));
  for (const rule of rules) {
    const name = rule.refusal ?? refusalOfClass(rule.class);
    if (name !== undefined) found.set(name, [...new Set([...(found.get(name) ?? []), rule.status])]);
  }
  return found;
}

/** Why a rule may give no name: its answer does not say for certain that nothing was done. */
export function indefiniteRefusal({ status, class: failureClass }: FailureRule): string | undefined {
  if (!DEFINITE.has(failureClass)) return `an answer of class \`${failureClass}\` does not say no for good`;
  if (/^[24]/.test(status)) return undefined;
  return `after \`${status}\` nobody knows what was done`;
}
