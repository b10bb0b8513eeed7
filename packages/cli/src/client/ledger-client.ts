import { existsSync } from 'node:fs';
import { openLedger, RuntimeError } from '@tenon/runtime';
import { exit } from '../exit.ts';
import { type KeyRefusal, lockedWords, type ReadersKeys } from '../serve/data-keys.ts';
import { type OperationsClient, OperationsError } from './operations-client.ts';

type Ledger = ReturnType<typeof openLedger>;
type Query = Readonly<Record<string, string | undefined>>;
type Read = (
  ledger: Ledger,
  query: Query,
  id: string | undefined,
  refusal: KeyRefusal | undefined,
) => Record<string, unknown> | undefined;

/**
 * What the operations API would answer, by collection, read from the database file itself: the process may be down when
 * it is needed most. What is not here, such as how work flows now, only a process knows.
 */
const READS: ReadonlyMap<string, Read> = new Map<string, Read>([
  [
    'runs',
    (ledger, query, id) =>
      id === undefined ? { runs: ledger.runs(runFilter(query)) } : asRecord(ledger.run(id)),
  ],
  ['plans', (ledger, _query, id) => asRecord(ledger.plan(id ?? ''))],
  ['switches', (ledger) => ({ switches: ledger.switches() })],
  [
    'trace',
    (ledger, query) => ({
      entries: ledger.trace(
        query['system'] === 'true' ? { system: true } : (query as Parameters<Ledger['trace']>[0]),
      ),
    }),
  ],
  ['approvals', (ledger) => ({ approvals: ledger.approvals() })],
  ['in-doubt', (ledger) => ({ inDoubt: ledger.inDoubt() })],
  ['forward-fixes', (ledger) => ({ forwardFixes: ledger.forwardFixes() })],
  [
    'dead-letters',
    (ledger, { limit, ...query }) => ({
      deadLetters: ledger.deadLetters({
        // A queue that does not exist holds nothing.
        ...(query as Parameters<Ledger['deadLetters']>[0]),
        ...(limit !== undefined && { limit: Number(limit) }),
      }),
    }),
  ],
  [
    'dead-letter-groups',
    (ledger, query) => ({
      groups: ledger.deadLetterGroups(query as Parameters<Ledger['deadLetterGroups']>[0]),
    }),
  ],
  ['secrets', (ledger) => ({ users: ledger.secretUsers() })],
  [
    'protection',
    (ledger, _query, _id, refusal) => {
      const problem = refusal ?? ledger.keyProblem();
      const keyProblem = problem && { code: problem.code, message: problem.message };
      return { ...ledger.protection(), ...(keyProblem && { keyProblem }) };
    },
  ],
  ['replays', (ledger, _query, id) => asRecord(ledger.replayStatus(id ?? ''))],
]);

function readLedger(
  file: string,
  read: Read,
  query: Query,
  id: string | undefined,
  { encryption, refusal }: ReadersKeys,
): ReturnType<Read> {
  const ledger = openLedger(file, encryption);
  try {
    return read(ledger, query, id === undefined ? undefined : decodeURIComponent(id), refusal);
  } finally {
    ledger.close();
  }
}

/** What the API lists where no limit is given. */
export const RUNS_LISTED = 50;

type RunFilter = NonNullable<Parameters<Ledger['runs']>[0]>;

function runFilter({
  pipeline,
  state,
  key,
  orderKey,
  connection,
  version,
  planHash,
  open,
  limit,
}: Query): RunFilter {
  return {
    ...(pipeline !== undefined && { pipeline }),
    // A state that does not exist finds no run.
    ...(state !== undefined && { state: state as NonNullable<RunFilter['state']> }),
    ...(key !== undefined && { key }),
    ...(orderKey !== undefined && { orderKey }),
    ...(connection !== undefined && { connection }),
    ...(version !== undefined && { version: Number(version) }),
    ...(planHash !== undefined && { planHash }),
    ...(open !== undefined && { open: true }),
    limit: Number(limit ?? RUNS_LISTED),
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
  keys: () => Promise<ReadersKeys> = async () => ({}),
): OperationsClient {
  // Some commands read more than once.
  let known: Promise<ReadersKeys> | undefined;
  const said = new Set<string>();
  const sayOnce = (text: string): void => {
    if (!said.has(text)) say(text);
    said.add(text);
  };
  return {
    post: client.post,
    get: async (path, query = {}) => {
      try {
        return await client.get(path, query);
      } catch (error) {
        if (!(error instanceof OperationsError && error.isUnreachable && existsSync(file))) throw error;
        const [, , collection, id] = path.split('/');
        const read = READS.get(collection ?? '');
        if (!read) throw error;
        known ??= keys();
        const own = await known;
        const found = readable(() => readLedger(file, read, query, id, own));
        if (!found) throw absent(collection, id);
        sayOnce(`no Tenon answers; read from ${file}\n`);
        // Of what stands there encrypted nothing is in the answer, which would else look like all there is.
        if (own.refusal !== undefined && collection !== 'protection')
          sayOnce(`what is encrypted there is not shown: ${lockedWords(own.refusal)}\n`);
        return found;
      }
    },
  };
}

/** As the process says it. */
function absent(collection: string | undefined, id: string | undefined): OperationsError {
  return collection === 'replays'
    ? new OperationsError(
        `Not found: no dry run that is still kept has given the token ${decodeURIComponent(id ?? '')} (REPLAY_UNKNOWN)`,
        exit.failed,
        'REPLAY_UNKNOWN',
      )
    : new OperationsError(
        'there is no such run or plan in the database',
        exit.failed,
        'HTTP_RESOURCE_UNKNOWN',
      );
}

/** A file that is damaged, or no database at all, is said as what it is. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new OperationsError(
      error instanceof Error ? error.message : String(error),
      exit.failed,
      error instanceof RuntimeError ? error.code : 'RUNTIME_FILE_UNREADABLE',
    );
  }
}
