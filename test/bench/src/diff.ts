/**
 * The contract diff on pairs of real versions: time, memory, and findings against the nodes that changed. Each pair
 * runs in a process of its own, so that its memory is its own. `node --conditions=source test/bench/src/diff.ts [dir]`
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { loadContractText } from '@tenon/contract';
import { diffContracts } from '@tenon/diff';
import { canonicalJson, isObject } from '@tenon/model';

const here = fileURLToPath(import.meta.url);
const corpora = join(dirname(here), '../../../../shared/corpora');

interface Measured {
  readonly loadMs: number;
  readonly diffMs: number;
  readonly rssMb: number;
  readonly findings: number;
  readonly breaking: number;
  readonly undecided: number;
  readonly changed: number;
}

const [, , first, second] = process.argv;
if (first !== undefined && second !== undefined) console.log(JSON.stringify(await measure(first, second)));
else table(first ?? join(corpora, 'versions'));

function table(directory: string): void {
  if (!existsSync(directory)) {
    console.log(`skipped: no ${directory}`);
    return;
  }
  const files = readdirSync(directory)
    .filter((file) => /\.(json|yaml)(\.gz)?$/.test(file))
    .sort();
  const pairs = files
    .slice(1)
    .flatMap((file, i) => (familyOf(file) === familyOf(files[i]!) ? [[files[i]!, file] as const] : []));
  console.log(`${'pair'.padEnd(56)} load ms  diff ms  rss MB  findings  breaking  undecided  changed nodes`);
  for (const [base, revision] of [...pairs, [files.at(-1)!, files.at(-1)!] as const]) {
    const output = execFileSync(
      process.execPath,
      ['--conditions=source', here, join(directory, base), join(directory, revision)],
      { encoding: 'utf8', maxBuffer: 1 << 26 },
    );
    const m = JSON.parse(output) as Measured;
    const name = base === revision ? `${base} with itself` : `${base} → ${revision}`;
    console.log(
      `${name.replaceAll(/\.(json|yaml)(\.gz)?/g, '').padEnd(56)} ${String(m.loadMs).padStart(7)}  ${String(m.diffMs).padStart(7)}  ${String(m.rssMb).padStart(6)}  ${String(m.findings).padStart(8)}  ${String(m.breaking).padStart(8)}  ${String(m.undecided).padStart(9)}  ${String(m.changed).padStart(13)}`,
    );
  }
}

/** `stripe-2019-10-25.json.gz` → `stripe`. */
function familyOf(file: string): string {
  return file.replace(/-v?\d[\d.-]*\.(json|yaml)(\.gz)?$/, '');
}

async function measure(base: string, revision: string): Promise<Measured> {
  const [before, after] = [read(base), read(revision)];
  const start = performance.now();
  const [old, now] = [
    await loadContractText('c', base, before),
    await loadContractText('c', revision, after),
  ];
  if (!old.value || !now.value) throw new Error('a document does not load');
  const loaded = performance.now();
  const report = diffContracts(old.value, now.value);
  const done = performance.now();
  const changed =
    base.endsWith('json.gz') || base.endsWith('.json')
      ? countChanged(JSON.parse(before), JSON.parse(after))
      : -1;
  return {
    loadMs: Math.round(loaded - start),
    diffMs: Math.round(done - loaded),
    rssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    findings: report.findings.length,
    breaking: report.findings.filter(({ severity }) => severity === 'breaking').length,
    undecided: report.undecided.length,
    changed,
  };
}

function read(file: string): string {
  const bytes = readFileSync(file);
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

/** Nodes that differ, each counted once: what was added or removed counts as one, whatever it holds. */
function countChanged(before: unknown, after: unknown): number {
  if (isObject(before) && isObject(after)) {
    let count = 0;
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
      count += countChanged(before[key], after[key]);
    return count;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const texts = (list: readonly unknown[]): Set<string> => new Set(list.map((item) => canonicalJson(item)));
    const [a, b] = [texts(before), texts(after)];
    return [...a].filter((text) => !b.has(text)).length + [...b].filter((text) => !a.has(text)).length;
  }
  return canonicalJson(before ?? null) === canonicalJson(after ?? null) ? 0 : 1;
}
