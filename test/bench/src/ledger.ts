import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLedger } from '@tenon/runtime';
import { ENTRIES_PER_ROW, fillLedger } from '@tenon/runtime/testing';

// `node --conditions=source test/bench/src/ledger.ts [entries]`: what the ledger's tree costs the thread that commits, and how
// long a whole ledger takes to verify, with the memory that it needs.

const entries = Number(process.argv[2] ?? 10_000_000);
const rows = Math.ceil(entries / ENTRIES_PER_ROW);
const SAMPLE_ROWS = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'tenon-ledger-'));
try {
  const perRow = (tree: 'with' | 'without', index: number): number => {
    const before = process.cpuUsage();
    fillLedger(join(folder, `${tree}-${index}.db`), SAMPLE_ROWS, tree);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / SAMPLE_ROWS;
  };
  const samples = [0, 1, 2].map((index) => ({
    without: perRow('without', index),
    with: perRow('with', index),
  }));
  const median = (of: 'with' | 'without'): number =>
    samples.map((each) => each[of]).toSorted((a, b) => a - b)[1]!;
  console.log(
    `a row costs ${median('without').toFixed(1)} µs CPU without the tree, ${median('with').toFixed(1)} µs with it`,
  );

  const file = join(folder, 'ledger.db');
  fillLedger(file, rows, 'with');
  const ledger = openLedger(file);
  const memoryBefore = process.memoryUsage.rss();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const report = ledger.verify({ checkpoints: [], keys: [] });
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  console.log(
    `verified ${report.entries} entries in ${report.rows} rows: ${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s CPU, ${report.findings.length} findings, memory +${Math.round((process.memoryUsage.rss() - memoryBefore) / 1e6)} MB`,
  );
  const provedAt = performance.now();
  ledger.exporting().inclusion(Math.floor(report.entries / 2));
  console.log(`a proof of one entry: ${Math.round(performance.now() - provedAt)} ms`);
  ledger.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
