import type { OperationPlan } from '@tenon/connector';
import type { Operation } from '@tenon/contract';
import { atPointer, fromPointer, toPointer } from '@tenon/model';
import { type Gap, inputGap, isIndex } from '../data/schema-path.ts';

/**
 * What is wrong with a place of the request that a manifest names: it is none, or it lies in an item of a list that nothing puts there. `given`: what
 * is sent besides.
 */
export function inputProblem(
  operation: Operation,
  plan: OperationPlan,
  named: string,
  given?: Readonly<Record<string, unknown>>,
): { readonly message: string; readonly gap: Gap } | undefined {
  if (!named.startsWith('/')) {
    const candidates = operation.parameters.map(({ name }) => name);
    if (candidates.includes(named)) return undefined;
    return {
      message: `\`${operation.id}\` has no parameter \`${named}\``,
      gap: { name: named, candidates },
    };
  }
  const gap = inputGap(plan, named);
  if (gap) return { message: `the request of \`${operation.id}\` has no \`${named}\``, gap };
  const tokens = fromPointer(named);
  const missing = tokens.findIndex(
    (token, index) =>
      isIndex(token) && atPointer(given ?? {}, toPointer(tokens.slice(0, index + 1))) === undefined,
  );
  if (missing < 0) return undefined;
  const list = toPointer(tokens.slice(0, missing));
  return {
    message: given
      ? `\`with\` puts no item \`${tokens[missing]}\` at \`${list}\`, so nothing takes what \`in\` is for`
      : `\`${named}\` lies in an item of the list at \`${list}\`, and a page is no item of it`,
    gap: { name: tokens[missing]!, candidates: [] },
  };
}
