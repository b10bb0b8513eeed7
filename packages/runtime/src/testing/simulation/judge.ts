import type { PlanStep } from '@tenon/pipeline';
import type { LedgerEntry, RunSummary } from '../../runtime.ts';
import { terminalStates } from '../../states.ts';
import { judgeFamilies } from './children.ts';
import { accountOf, type History } from './history.ts';
import { judgeAccounts } from './judge-accounts.ts';
import { judgeApprovals } from './judge-approvals.ts';
import { judgeConnections } from './judge-connections.ts';
import { judgeDeadlines } from './judge-deadlines.ts';
import { judgeEntries } from './judge-ledger.ts';
import { judgeLists } from './judge-lists.ts';
import { judgeOrder, judgeVersions } from './judge-order.ts';
import { judgePages } from './judge-pages.ts';
import { judgeRereads } from './judge-rereads.ts';
import { judgeRun } from './judge-run.ts';
import { judgePauses, judgeRetries, judgeWaits } from './judge-time.ts';

/** The invariants, from the target's records and the ledger alone: what must not be, a sentence each. */
export function judge(history: History): readonly string[] {
  const { bench, runs } = history;
  return [
    ...judgeIntake(history),
    ...bench.runtime
      .deadLetters()
      .filter(({ failure }) => failure.code === 'RUN_INVARIANT_BROKEN')
      .map(({ step }) => `an internal error stopped a run at ${step}`),
    ...bench.target.doubled.map((key) => `more than one effect under ${key}`),
    ...judgeOwners(history),
    ...runs.flatMap((run) => judgeRun(history, run)),
    ...history.orders.flatMap((run) => judgeLists(history, run)),
    ...history.orders.flatMap((run) => judgeRereads(history, run)),
    ...runs.flatMap((run) => judgePages(history, run)),
    ...judgeVersions(history),
    ...judgeOrder(history),
    ...judgeWaits(history),
    ...judgeRetries(history),
    ...judgePauses(history),
    ...judgeApprovals(history),
    ...judgeDeadlines(history),
    ...judgeAccounts(bench),
    ...judgeConnections(history),
    ...judgeEntries(history),
    ...judgeFamilies(history),
  ];
}

/** Nothing acknowledged is lost, no key is run twice, and what was emitted has started something. */
function judgeIntake(history: History): readonly string[] {
  const { witness, runs, orders } = history;
  const known = new Set(orders.map(({ key }) => key));
  const keys = runs.map(({ pipeline, key }) => `${pipeline} ${key}`);
  const shipped = new Set(runs.flatMap(({ pipeline, key }) => (pipeline === 'shipping' ? [key] : [])));
  return [
    ...[...witness.acknowledged].filter((id) => !known.has(id)).map((id) => `acknowledged ${id} is lost`),
    ...keys.filter((key, index) => keys.indexOf(key) !== index).map((key) => `${key} was run twice`),
    ...runs
      .filter(({ runId, key }) => !shipped.has(key) && history.trace(runId).some(isEmission))
      .map(({ key }) => `${key} emitted an event that started nothing`),
    ...runs
      .filter((run) => run.state === 'succeeded' && !shipped.has(run.key))
      .filter((run) => alwaysEmits(history.planOf(run).steps))
      .map(({ key }) => `${key} succeeded, and nothing came of what it emits`),
  ];
}

/** Does every run that succeeds go through a step that emits? */
function alwaysEmits(steps: readonly PlanStep[]): boolean {
  return steps.some(
    (step) =>
      (step.kind === 'emit' && step.event === 'shop.shipped') ||
      (step.kind === 'parallel' && step.branches.some((branch) => alwaysEmits(branch.steps))),
  );
}

function isEmission({ kind, details }: LedgerEntry): boolean {
  return kind === 'emitted' && details['event'] === 'shop.shipped';
}

/** Every run that has not ended well has an owner. */
function judgeOwners(history: History): readonly string[] {
  const { runtime } = history.bench;
  const owned = new Set(
    [...runtime.deadLetters(), ...runtime.inDoubt(), ...runtime.approvals()].map(({ runId }) => runId),
  );
  return (
    history.runs
      .filter(({ state }) => state !== 'succeeded' && state !== 'cancelled')
      // Undone, and then its data was let go, its dead letter with it: nothing is left to do.
      .filter(({ runId, state }) => state !== 'compensated' || !history.isErased(runId))
      .filter(({ runId, state }) => !isOwned(history, runId, state, owned))
      .filter((run) => !isBehindOwned(history, run, owned))
      .map(({ key, state }) => `run of ${key} is ${state} without an owner`)
  );
}

/** Resumed, it waits for its turn behind one of its order key that somebody is to look at. */
function isBehindOwned(history: History, run: RunSummary, owned: ReadonlySet<string>): boolean {
  if (run.pipeline !== 'orders' || run.state === 'failed') return false;
  if (history.planOf(run).identity.orderBy === undefined) return false;
  return history.orders.some(
    ({ runId, key, state }) =>
      runId !== run.runId &&
      accountOf(key) === accountOf(run.key) &&
      !terminalStates.has(state) &&
      isOwned(history, runId, state, owned),
  );
}

/** Somebody is to look at it, or at a child that it waits for. What is undone with its parent is that one's owner's matter. */
function isOwned(
  history: History,
  runId: string,
  state: RunSummary['state'],
  owned: ReadonlySet<string>,
): boolean {
  if (owned.has(runId)) return true;
  const { parent, children = [] } = history.detail(runId);
  if (state === 'compensated' && parent !== undefined) return true;
  return children.some((child) => isOwned(history, child.runId, child.state, owned));
}
