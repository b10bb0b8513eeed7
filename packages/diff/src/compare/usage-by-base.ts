import type { Contract, ContractUsage } from '@tenon/contract';
import type { DiffOptions } from '../diff.ts';
import { subjectOf } from '../usage.ts';
import { matchOperations } from './contracts.ts';

/** What is used of the contract in either version, once, by the names that the base has for it. */
export function usageNamedByBase(
  base: Contract,
  revision: Contract,
  { usage, usageAfter = [] }: Pick<DiffOptions, 'usage' | 'usageAfter'>,
): readonly ContractUsage[] | undefined {
  if (usage === undefined) return undefined;
  const before = usage.filter(({ contract }) => contract === base.name);
  const after = usageAfter.filter(({ contract }) => contract === base.name);
  if (after.length === 0) return before;
  const { pairs } = matchOperations(base, revision);
  const names = new Map(pairs.map(([was, is]) => [is.id, was.id]));
  const known = new Set(before.map(identityOf));
  return [
    ...before,
    ...after
      .map((each) => namedAs(each, names.get(subjectOf(each))))
      .filter((each) => !known.has(identityOf(each))),
  ];
}

function namedAs(usage: ContractUsage, operation: string | undefined): ContractUsage {
  if (usage.target.kind === 'event' || operation === undefined) return usage;
  return { ...usage, target: { ...usage.target, operation } };
}

function identityOf({ at, owner: _, comparedWith: __, ...usage }: ContractUsage): string {
  return JSON.stringify([usage, at.file, at.range.start.offset]);
}
