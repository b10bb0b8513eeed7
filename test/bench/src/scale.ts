import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock, systemRandom } from '@tenon/model';
import { openLedger, openRuntime, type Runtime } from '@tenon/runtime';
import { call, planFor } from '@tenon/runtime/testing';

// `node --conditions=source test/bench/src/scale.ts [million ledger entries, default 1; the target is at 10] [folder to keep the file in]`:
// a file with so many entries is made from the rows of real runs, copied by SQL (a kept one is taken as it is). Then, beside an empty file: runs a second, in turns,
// and the time of every query that the operations API and `tenon runs ls` make. Exits 3 when throughput is below 90 % of
// empty, or a list or search is above 50 ms at the 95th percentile.

const [millions = '1', kept] = process.argv.slice(2);
const ENTRIES = Number(millions) * 1e6;
const THROUGHPUT_MIN = 0.9;
const QUERY_MS_MAX = 50;
const ROUNDS = 5;
const ROUND_RUNS = 3_000;
const SEED_RUNS = 1_000;
const IN_FLIGHT = 256;

const folder = kept ?? mkdtempSync(join(tmpdir(), 'tenon-scale-'));
if (kept === undefined) process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const plan = planFor({
  limits: { concurrency: 512, deadlineMs: 600_000 },
  steps: ['one', 'two', 'three'].map((id) => call(id, 'acme.create')),
});
let nextOrder = 0;

async function open(file: string): Promise<Runtime> {
  const runtime = await openRuntime({
    file,
    clock: systemClock,
    random: systemRandom,
    transport: () => ({
      call: async () => ({ ok: true, status: 200, headers: {}, body: { id: 'i' } }),
      close: async () => {},
    }),
  });
  await runtime.activate(plan);
  return runtime;
}

/** Runs a second, and CPU a run. */
async function load(runtime: Runtime, runs: number): Promise<{ perSecond: number; cpuMs: number }> {
  const last = nextOrder + runs;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (nextOrder < last) {
        const id = `n${nextOrder++}`;
        await runtime.accept({ event: 'shop.ordered', payload: { id }, deliveryId: id, source: 'bench' });
      }
    }),
  );
  await runtime.idle();
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: (runs / (performance.now() - startedAt)) * 1_000,
    cpuMs: (user + system) / 1_000 / runs,
  };
}

/** Copies the runs that are there, with all that belongs to them, until there are enough entries. */
function grow(file: string): void {
  const db = new DatabaseSync(file);
  const number = (sql: string): number => Number(db.prepare(sql).get()?.['n'] ?? 0);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144');
  const columns = (table: string): string[] =>
    db
      .prepare(`SELECT name FROM pragma_table_info('${table}')`)
      .all()
      .map((row) => String(row['name']));
  /** What differs in a copy, by table: all else is taken over. */
  const changed: Record<string, Record<string, string>> = {
    events: { seq: 'seq + :events', delivery_id: "delivery_id || ':' || :copy" },
    runs: {
      seq: 'seq + :runs',
      run_id: "run_id || ':' || :copy",
      key: "key || ':' || :copy",
      event_seq: 'event_seq + :events',
      correlation_id: "correlation_id || ':' || :copy",
    },
    keys: { run_seq: 'run_seq + :runs', key: "key || ':' || :copy" },
    journal: { seq: 'NULL', run_seq: 'run_seq + :runs' },
    ledger: { seq: 'seq + :entries', run_seq: 'run_seq + :runs' },
  };
  const of: Record<string, string> = {
    events: 'seq BETWEEN 1 AND :events1',
    runs: 'seq BETWEEN 1 AND :runs1',
    keys: 'run_seq BETWEEN 1 AND :runs1',
    journal: 'run_seq BETWEEN 1 AND :runs1',
    ledger: 'run_seq BETWEEN 1 AND :runs1',
  };
  const events = number('SELECT max(seq) AS n FROM events');
  const runs = number('SELECT max(seq) AS n FROM runs');
  const entries = number('SELECT max(seq + count) AS n FROM ledger');
  const copies = Math.ceil(ENTRIES / number('SELECT sum(count) AS n FROM ledger'));
  for (let copy = 1; copy < copies; copy++) {
    const values: Record<string, number> = {
      events: events * copy,
      runs: runs * copy,
      entries: entries * copy,
      copy,
      events1: events,
      runs1: runs,
    };
    db.exec('BEGIN');
    for (const [table, changes] of Object.entries(changed)) {
      const names = columns(table);
      const sql = `INSERT INTO ${table} (${names.join(', ')}) SELECT ${names.map((name) => changes[name] ?? name).join(', ')} FROM ${table} WHERE ${of[table]}`;
      db.exec(
        sql.replace(/:(\w+)/g, (_, name: string) => (name in values ? String(values[name]) : `:${name}`)),
      );
    }
    db.exec('COMMIT');
  }
  // Leaves of the copies are not what the runtime signed: the tree is made anew when the file is opened.
  for (const table of ['ledger_tiles', 'ledger_open'])
    if (number(`SELECT count(*) AS n FROM sqlite_master WHERE name = '${table}'`) > 0)
      db.exec(
        table === 'ledger_open'
          ? `UPDATE ${table} SET size = 0, last_seq = 0, hashes = x''`
          : `DELETE FROM ${table}`,
      );
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
  // It says how far the tree was.
  rmSync(`${file}.mark`);
}

const bigFile = join(folder, `ledger-${millions}m.db`);
let startedAt = performance.now();
if (!existsSync(bigFile)) {
  const seed = await open(bigFile);
  await load(seed, SEED_RUNS);
  await seed.stop();
  grow(bigFile);
}
console.log(
  `${millions} million entries at hand after ${Math.round((performance.now() - startedAt) / 1_000)} s, ${Math.round(statSync(bigFile).size / 1e6)} MB`,
);
// Keys of its own, also beside those of an earlier measurement on the same file.
nextOrder = Math.max(SEED_RUNS, Number(process.hrtime.bigint() % 1_000_000_000_000n));

startedAt = performance.now();
const big = await open(bigFile);
console.log(`opened in ${Math.round(performance.now() - startedAt)} ms`);
const empty = await open(join(folder, 'empty.db'));
await load(empty, ROUND_RUNS);
await load(big, ROUND_RUNS);
const rounds: { readonly rate: number; readonly cpu: number }[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const beside = await load(empty, ROUND_RUNS);
  const full = await load(big, ROUND_RUNS);
  rounds.push({ rate: full.perSecond / beside.perSecond, cpu: beside.cpuMs / full.cpuMs });
}
const rate = median(rounds.map((round) => round.rate));
const cpu = median(rounds.map((round) => round.cpu));
console.log(
  `throughput of the full file / empty: ${rate.toFixed(2)} (by CPU ${cpu.toFixed(2)}), at least ${THROUGHPUT_MIN}: ${rate < THROUGHPUT_MIN ? 'MISSED' : 'met'}`,
);
await Promise.all([big.stop(), empty.stop()]);

const ledger = openLedger(bigFile);
const [latest] = ledger.runs({ limit: 1 });
const queries: Record<string, () => unknown> = {
  'runs ls': () => ledger.runs({ limit: 50 }),
  'runs ls --pipeline': () => ledger.runs({ pipeline: 'orders', limit: 50 }),
  'runs ls --pipeline, none of that name': () => ledger.runs({ pipeline: 'nothing', limit: 50 }),
  'runs ls --state succeeded': () => ledger.runs({ state: 'succeeded', limit: 50 }),
  'runs ls --state failed': () => ledger.runs({ state: 'failed', limit: 50 }),
  'runs ls --pipeline --state failed': () => ledger.runs({ pipeline: 'orders', state: 'failed', limit: 50 }),
  'runs ls --key': () => ledger.runs({ key: 'n7:3', limit: 50 }),
  'runs ls --key, none of that name': () => ledger.runs({ key: 'nobody', limit: 50 }),
  'runs show': () => ledger.run(latest!.runId),
  'runs trace by run': () => ledger.trace({ runId: latest!.runId }),
  'runs trace by key': () => ledger.trace({ key: 'n7:3' }),
  'runs trace by correlation': () => ledger.trace({ correlationId: latest!.correlationId }),
  approvals: () => ledger.approvals(),
  'in-doubt': () => ledger.inDoubt(),
  'dead-letters': () => ledger.deadLetters(),
};
const rows: Record<string, object> = {};
let isSlow = false;
for (const [name, ask] of Object.entries(queries)) {
  const times: number[] = [];
  for (let i = 0; i < 40; i++) {
    const begun = performance.now();
    ask();
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  const p95 = times[Math.floor(times.length * 0.95)]!;
  isSlow ||= p95 > QUERY_MS_MAX;
  rows[name] = {
    'p50, ms': Math.round(times[20]! * 100) / 100,
    'p95, ms': Math.round(p95 * 100) / 100,
    '': p95 > QUERY_MS_MAX ? 'MISSED' : '',
  };
}
ledger.close();
console.table(rows);
process.exit(isSlow || rate < THROUGHPUT_MIN ? 3 : 0);

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
