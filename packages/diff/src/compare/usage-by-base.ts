import type { Contract, ContractUsage, UsageBetween } from '@tenon/contract';
import { subjectOf } from '../usage.ts';
import { matchOperations } from './contracts.ts';

/** What is used of the contract in either version, once, by the names that the base has for it. */
export function usageNamedByBase(
  base: Contract,
  revision: Contract,
  usage: UsageBetween | undefined,
): readonly ContractUsage[] | undefined {
  if (usage === undefined) return undefined;
  const before = usage.before.filter(({ contract }) => contract === base.name);
  const after = usage.after.filter(({ contract }) => contract === base.name);
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
