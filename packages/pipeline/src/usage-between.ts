import type { Contract, UsageBetween } from '@tenon/contract';
import { sentCredentials } from './check/manifest/manifest-auth.ts';
import { checkWorkspace } from './check-workspace.ts';
import type { Workspace } from './workspace.ts';

/**
 * What the pipelines of a workspace use of contracts as they were, and of those that are to be. A pipeline written for
 * what is gone is understood by the contracts before, one that was changed along with them by those after. Only of one that
 * is understood by neither its names count: a break is never said to hit nobody because nobody could tell.
 */
export function usageBetween(
  workspace: Workspace,
  before: ReadonlyMap<string, Contract>,
  after: ReadonlyMap<string, Contract> = new Map(),
): UsageBetween {
  const [was, is] = [before, after].map((given) =>
    checkWorkspace(
      { ...workspace, contracts: new Map([...workspace.contracts, ...given]) },
      { plans: false },
    ),
  );
  const isUnclear = (file: string): boolean => was!.notUnderstood.has(file) && is!.notUnderstood.has(file);
  const [usedBefore, usedAfter] = [was!, is!].map(({ usage }) =>
    usage.filter(({ by, at }) => by !== 'name' || isUnclear(at.file)),
  );
  return {
    before: usedBefore!,
    after: usedAfter!,
    credentials: sentCredentials(workspace.connectors.values()),
  };
}
