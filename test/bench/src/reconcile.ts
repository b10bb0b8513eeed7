import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// `node --conditions=source test/bench/src/reconcile.ts [records]`: two systems of so many records each, listed over HTTP in
// pages, some of them missing, extra, mismatched and duplicate, compared by a process of its own: how long, by how much CPU, in how
// much memory, and whether exactly what was planted is found.

const records = Number(process.argv[2] ?? 1_000_000);
const PAGE = 1_000;
/** One in so many is planted, of each kind in turn. */
const PLANTED = 10_007;

interface Row {
  readonly id: string;
  readonly key: string;
  readonly total: number;
  readonly at: string;
}

const kindOf = (n: number): string | undefined =>
  n % PLANTED === 0 ? ['missing', 'extra', 'mismatched', 'duplicate'][(n / PLANTED) % 4] : undefined;
const planted: Record<string, number> = { missing: 0, extra: 0, mismatched: 0, duplicate: 0 };
for (let n = 0; n < records; n += PLANTED) planted[kindOf(n)!]!++;

/** The nth record of a side, or what stands there in its place. The target lists in another order. */
function rowsAt(side: string, place: number): readonly Row[] {
  const n = side === 'source' ? place : (place * 7_919) % records;
  const kind = kindOf(n);
  const row = { id: `${side}-${n}`, key: `record-${n}`, total: n % 1_000, at: '2026-01-01T00:00:00Z' };
  if (side === 'source') return kind === 'extra' ? [] : [row];
  if (kind === 'missing') return [];
  if (kind === 'mismatched') return [{ ...row, total: row.total + 1 }];
  return kind === 'duplicate' ? [row, { ...row, id: `${row.id}-again` }] : [row];
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://host');
  const side = url.pathname.slice(1);
  const from = Number(url.searchParams.get('cursor') ?? 0);
  const items: Row[] = [];
  for (let place = from; place < Math.min(records, from + PAGE); place++) items.push(...rowsAt(side, place));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ items, next: from + PAGE < records ? String(from + PAGE) : null }));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
if (address === null || typeof address === 'string') throw new Error('no port');

const folder = mkdtempSync(join(tmpdir(), 'tenon-reconcile-'));
try {
  for (const count of [1_000, records]) {
    const app = fork(
      join(import.meta.dirname, 'reconcile-app.ts'),
      [`http://127.0.0.1:${address.port}`, join(folder, `${count}.db`), count === records ? 'whole' : 'idle'],
      { execArgv: ['--conditions=source'] },
    );
    const [message] = (await once(app, 'message')) as [
      { readonly seconds: number; readonly cpuSeconds: number; readonly report: Record<string, unknown> },
    ];
    const peakMb =
      Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${app.pid}/status`, 'utf8'))?.[1]) / 1_024;
    app.kill();
    const what = count === records ? `${records} records a side` : 'nothing to compare';
    console.log(
      `${what}: ${message.seconds.toFixed(1)} s, ${message.cpuSeconds.toFixed(1)} s CPU, peak memory ${Math.round(peakMb)} MB`,
    );
    if (count !== records) continue;
    const { counts, records: compared } = message.report as {
      readonly counts: Readonly<Record<string, number>>;
      readonly records: object;
    };
    const isExact = Object.entries(planted).every(([kind, n]) => counts[kind] === n);
    console.log(`compared ${JSON.stringify(compared)}, found ${JSON.stringify(counts)}`);
    console.log(isExact ? 'exactly what was planted' : `PLANTED ${JSON.stringify(planted)}`);
    if (!isExact) process.exitCode = 1;
  }
} finally {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
}
