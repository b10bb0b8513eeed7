import { compareText, type Diagnostic } from '@tenon/model';
import type { Workspace } from '../../workspace.ts';
import type { Interfaces } from '../pipeline-interface.ts';
import { checkAccounts, checkAccountsOfSteps, checkConnectionless } from './accounts.ts';
import { checkIdsOfAccounts } from './accounts-crossed.ts';
import { checkUndoing } from './accounts-undone.ts';
import { checkAddresses } from './addresses.ts';
import { checkApprovals, checkRequesters } from './approvals.ts';
import { checkBasedOn } from './based-on.ts';
import { checkBranches } from './branches.ts';
import { checkEffects } from './effects.ts';
import { checkEvents } from './events.ts';
import type { PipelineFacts } from './facts.ts';
import { checkIdentityKey } from './identity-key.ts';
import { checkLeaks, type LeakCheck } from './leaks.ts';
import { checkListings } from './listings.ts';
import { checkLists } from './lists.ts';
import { checkLoops } from './loops.ts';
import { type Checked, checkMasters, checkWriters } from './masters.ts';
import { checkOwners } from './owners.ts';
import { checkPrivilege } from './privilege.ts';
import { checkProbeInputs } from './probe-inputs.ts';
import { checkReconciliation } from './reconciliation.ts';
import { checkRefusals } from './refusals.ts';
import { checkRuns } from './runs.ts';
import { checkSize } from './size.ts';
import { checkTargets } from './targets.ts';
import { checkTier } from './tier.ts';
import { checkTime } from './time.ts';
import { checkWayBack } from './way-back.ts';

/** What is proved of one pipeline by itself. */
export function pipelineProofs(checked: Checked): {
  readonly diagnostics: readonly Diagnostic[];
  /** Pointers at classed data into results of steps, by step id, and into what people are shown, by `shown.<id>`. */
  readonly classed: ReadonlyMap<string, readonly string[]>;
} {
  const { model } = checked;
  const leaks = checkLeaks(checked);
  const classed = classedIn(leaks);
  const diagnostics = [
    ...checkOwners(model),
    ...checkSize(model),
    ...checkTargets(model),
    ...checkEvents(checked),
    ...checkIdentityKey(checked),
    ...checkAccounts(checked),
    ...checkAccountsOfSteps(checked),
    ...checkIdsOfAccounts(checked),
    ...checkUndoing(checked),
    ...checkEffects(model),
    ...checkProbeInputs(model),
    ...checkBasedOn(model),
    ...checkLists(checked),
    ...checkListings(checked),
    ...checkRefusals(checked),
    ...checkTime(model),
    ...checkWayBack(model),
    ...checkTier(model),
    ...checkApprovals(model),
    ...checkBranches(checked),
    ...checkMasters(checked),
    ...leaks.diagnostics,
  ];
  return { diagnostics, classed };
}

/** What is proved of a reconciliation: it has an owner, reads only, compares alike, and shows no data to whom it must not. */
export function reconciliationProofs(
  checked: Checked,
  pipelines: Interfaces,
): ReturnType<typeof pipelineProofs> {
  const { model, data } = checked;
  const leaks = checkLeaks(checked);
  return {
    diagnostics: [
      ...checkOwners(model),
      ...checkTargets(model),
      ...checkReconciliation(model, data, pipelines),
      ...leaks.diagnostics,
    ],
    classed: classedIn(leaks),
  };
}

function classedIn({ held, shown }: LeakCheck): ReadonlyMap<string, readonly string[]> {
  return new Map([
    ...[...held].map(([id, one]) => [id, [...one.keys()]] as const),
    ...[...shown].map(([id, one]) => [`shown.${id}`, [...one.keys()]] as const),
  ]);
}

/** What is proved of all pipelines together. */
export function workspaceProofs(
  pipelines: readonly PipelineFacts[],
  workspace: Workspace,
  isSound: boolean,
): Diagnostic[] {
  // By name, so that the first of two is the same one whatever the files are called.
  const sorted = pipelines.toSorted((a, b) => compareText(a.pipeline, b.pipeline));
  return [
    ...checkWriters(sorted),
    ...checkLoops(sorted),
    ...checkRuns(sorted),
    ...checkConnectionless(sorted),
    ...checkRequesters(sorted),
    ...checkPrivilege(sorted, workspace, isSound),
    ...checkAddresses(sorted, workspace),
  ];
}
