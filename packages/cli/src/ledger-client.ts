import { existsSync } from 'node:fs';
import { openLedger } from '@tenon/runtime';
import { exit } from './exit.ts';
import { type OperationsClient, OperationsError } from './operations-client.ts';

/** What the operations API would answer, read from the database file itself: the process may be down when it is needed most. */
function readLedger(
  file: string,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): Record<string, unknown> | undefined {
  const ledger = openLedger(file);
  try {
    const [, , collection, id] = path.split('/');
    switch (collection) {
      case 'runs':
        return id === undefined
          ? { runs: ledger.runs(runFilter(query)) }
          : asRecord(ledger.run(decodeURIComponent(id)));
      case 'plans':
        return asRecord(ledger.plan(decodeURIComponent(id ?? '')));
      case 'switches':
        return { switches: ledger.switches() };
      case 'trace':
        if (query['system'] === 'true') return { entries: ledger.trace({ system: true }) };
        return { entries: ledger.trace(query as Parameters<typeof ledger.trace>[0]) };
      case 'approvals':
        return { approvals: ledger.approvals() };
      case 'in-doubt':
        return { inDoubt: ledger.inDoubt() };
      case 'forward-fixes':
        return { forwardFixes: ledger.forwardFixes() };
      case 'dead-letters':
        return { deadLetters: ledger.deadLetters(query as Parameters<typeof ledger.deadLetters>[0]) };
      case 'dead-letter-groups':
        return { groups: ledger.deadLetterGroups(query as Parameters<typeof ledger.deadLetterGroups>[0]) };
      case 'replays':
        return asRecord(ledger.replayStatus(decodeURIComponent(id ?? '')));
      default:
        return undefined;
    }
  } finally {
    ledger.close();
  }
}

type RunFilter = NonNullable<Parameters<ReturnType<typeof openLedger>['runs']>[0]>;

function runFilter({ pipeline, state, key, limit }: Readonly<Record<string, string | undefined>>): RunFilter {
  return {
    ...(pipeline !== undefined && { pipeline }),
    // A state that does not exist finds no run.
    ...(state !== undefined && { state: state as NonNullable<RunFilter['state']> }),
    ...(key !== undefined && { key }),
    ...(limit !== undefined && { limit: Number(limit) }),
  };
}

function asRecord(value: object | undefined): Record<string, unknown> | undefined {
  return value && { ...value };
}

/** A client that asks the process first, and its file when no process answers. Changes always need the process. */
export function withLedgerFile(
  client: OperationsClient,
  file: string,
  say: (text: string) => void,
): OperationsClient {
  return {
    post: client.post,
    get: async (path, query = {}) => {
      try {
        return await client.get(path, query);
      } catch (error) {
        if (!(error instanceof OperationsError && error.isUnreachable && existsSync(file))) throw error;
        const found = readable(() => readLedger(file, path, query));
        if (!found) throw new OperationsError('there is no such run or plan in the database', exit.failed);
        say(`no Tenon answers; read from ${file}\n`);
        return found;
      }
    },
  };
}

/** A file that is damaged, or no database at all, is said as what it is. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new OperationsError(error instanceof Error ? error.message : String(error), exit.failed);
  }
}
