import type { Contract } from '@tenon/contract';
import { checkWorkspace, type WorkspaceCheck } from './check-workspace.ts';
import type { UsageEntry } from './usage.ts';
import { usageByText } from './usage-by-text.ts';
import type { Workspace } from './workspace.ts';

/** What pipelines use of contracts that change, named as each version names it. */
export interface UsageBetween {
  readonly before: readonly UsageEntry[];
  readonly after: readonly UsageEntry[];
}

/**
 * What the pipelines of a workspace use of contracts as they were, and of those that are to be. A pipeline written for
 * what is gone is understood by the contracts before, one that was changed along with them by those after. One that is
 * understood by neither uses whatever it names: a break is never said to hit nobody because nobody could tell.
 */
export function usageBetween(
  workspace: Workspace,
  before: ReadonlyMap<string, Contract>,
  after: ReadonlyMap<string, Contract> = new Map(),
): UsageBetween {
  const [was, is] = [before, after].map((contracts) => looked(workspace, contracts));
  const unclear = [...was!.check.notUnderstood].filter((file) => is!.check.notUnderstood.has(file));
  const usageOf = ({ workspace: its, check }: Looked): readonly UsageEntry[] => [
    ...check.usage,
    ...check.implied,
    ...unclear.flatMap((file) => usageByText(file, workspace.pipelineFiles.get(file) ?? '', its)),
  ];
  return { before: usageOf(was!), after: usageOf(is!) };
}

interface Looked {
  readonly workspace: Workspace;
  readonly check: WorkspaceCheck;
}

function looked(workspace: Workspace, contracts: ReadonlyMap<string, Contract>): Looked {
  const its = { ...workspace, contracts: new Map([...workspace.contracts, ...contracts]) };
  return { workspace: its, check: checkWorkspace(its, { plans: false }) };
}
