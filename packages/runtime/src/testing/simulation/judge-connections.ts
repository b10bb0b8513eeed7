import { isObject } from '@tenon/model';
import type { RunSummary } from '../../runtime.ts';
import type { Bench } from '../bench.ts';
import { ACCOUNT_NAMES, type AccountName } from './accounts.ts';
import type { History } from './history.ts';

type Call = Bench['target']['calls'][number];

/**
 * What came over the connection of an account is done in that account, heard, told and undone there, and nothing of the other one is held for
 * its sake: by whom the senders say each run is of, and what the target saw come over which connection.
 */
export function judgeConnections(history: History): readonly string[] {
  const { bench, witness } = history;
  const { bookings } = witness;
  return [
    ...bookings.violations,
    ...bench.target.calls.flatMap((call) => judgeCall(call, bookings.byRun)),
    ...judgeKeys(bench),
    ...judgeHolds(bench, bookings.byRun),
    ...ACCOUNT_NAMES.flatMap((account) => judgeFound(history, account)),
    ...history.runs.flatMap((run) => judgeBooking(history, run)),
  ];
}

/** It goes where its event came from, and an event that is sent out where it was published. */
function judgeCall(
  { operation, connection, input, request: { origin } }: Call,
  byRun: ReadonlyMap<string, AccountName>,
): readonly string[] {
  const { pipeline = '', runId = '', step } = origin ?? {};
  const account = byRun.get(runId);
  const sender = /^publish-(\w+)-entered$/.exec(pipeline)?.[1];
  if (account === undefined && sender === undefined)
    return ACCOUNT_NAMES.some((one) => one === connection)
      ? [`${operation} of ${pipeline} went over ${connection}`]
      : [];
  const wanted = account ?? sender;
  const { account: said, heard = '' } = isObject(input) ? input : {};
  return [
    ...(connection === wanted ? [] : [`${step} (${operation}) of ${wanted} went over ${connection}`]),
    ...(said === undefined || said === connection
      ? []
      : [`${step} told ${connection} what is of ${String(said)}`]),
    ...(heard === '' || heard === connection
      ? []
      : [`${step} of ${connection} goes by what came over ${String(heard)}`]),
  ];
}

/** The other account would take a key of ours for one of its own. */
function judgeKeys({ target }: Bench): readonly string[] {
  const usedBy = new Map<string, string>();
  return target.calls.flatMap(({ key, connection, operation }) => {
    const before = key === undefined ? undefined : usedBy.get(key);
    if (key !== undefined && before === undefined) usedBy.set(key, connection);
    return before === undefined || before === connection
      ? []
      : [`${operation} was sent over ${connection} under a key of ${before}`];
  });
}

/** What forbids calls to one account holds none of the other, nor of any other system. */
function judgeHolds(bench: Bench, byRun: ReadonlyMap<string, AccountName>): readonly string[] {
  return bench.entries.flatMap(({ kind, runId, step, pipeline, details }) => {
    if (kind !== 'held' || !Array.isArray(details['by'])) return [];
    const names = details['by'].flatMap((id) => /^kill\/connection\/(\w+)/.exec(String(id))?.[1] ?? []);
    const own = byRun.get(runId) ?? /^publish-(\w+)-entered$/.exec(pipeline)?.[1] ?? 'acme';
    return names.flatMap((name) =>
      name === own ? [] : [`${step} of ${own} was held by what forbids ${name}`],
    );
  });
}

/** Who asks for the runs of one account is told of all of them, and of no other. */
function judgeFound({ bench, witness }: History, account: AccountName): readonly string[] {
  const { byRun } = witness.bookings;
  const found = bench.runtime
    .runs({ connection: account, pipeline: 'books', limit: 1_000 })
    .map(({ runId }) => runId);
  const wanted = [...byRun].flatMap(([runId, one]) => (one === account ? [runId] : []));
  return [
    ...wanted.filter((runId) => !found.includes(runId)).map((runId) => `${runId} is not found by ${account}`),
    ...found
      .filter((runId) => byRun.has(runId) && byRun.get(runId) !== account)
      .map((runId) => `${runId} is found by ${account}, and is not of it`),
  ];
}

/** What it entered was sent out once, in its account. */
function judgeBooking(history: History, run: RunSummary): readonly string[] {
  const account = history.witness.bookings.byRun.get(run.runId);
  if (account === undefined || history.isErased(run.runId)) return [];
  const emitted = history.trace(run.runId).filter(({ kind }) => kind === 'emitted');
  const senders = history.runs.filter(
    ({ pipeline, correlationId }) => pipeline.startsWith('publish-') && correlationId === run.correlationId,
  );
  const wanted = emitted.length > 0 ? [`publish-${account}-entered`] : [];
  const sent = senders.map(({ pipeline }) => pipeline);
  return [...(sent.join() === wanted.join() ? [] : [`what ${account} entered was sent out by [${sent}]`])];
}
