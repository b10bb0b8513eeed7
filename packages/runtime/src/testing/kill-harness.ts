import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Random, seededRandom } from '@tenon/model';
import { openLedger } from '../embedded/file/open-ledger.ts';
import { idempotencyKey } from '../interpreter/effect.ts';
import type { LedgerReader, RunState } from '../runtime.ts';
import { type CountingServer, countingServer } from './counting-server.ts';

export interface KillOptions {
  /** SIGKILLs in all; a load is begun anew when it ended before. */
  readonly kills: number;
  /** Events of one load. */
  readonly runs: number;
  readonly seed: number;
}

export interface KillReport {
  readonly kills: number;
  readonly loads: number;
  readonly acknowledged: number;
  readonly states: Partial<Record<RunState, number>>;
  readonly effects: number;
  /** Acknowledged events without a run, or whose run is neither terminal nor parked with an owner. */
  readonly lost: readonly string[];
  /** Keys under which more than one effect happened. */
  readonly doubled: readonly string[];
  /** Effects that a run's state promises and the server does not hold, or the reverse. */
  readonly wrong: readonly string[];
}

/** What each step of the plans does, by its id. */
const OPERATIONS: Readonly<Record<string, string>> = {
  invoice: 'create',
  blind: 'createBlind',
  item: 'create',
  itemBlind: 'createBlind',
  left: 'create',
  right: 'createBlind',
  put: 'put',
  label: 'create',
};
const CHILD = fileURLToPath(new URL('./kill-child.ts', import.meta.url));
/** A kill comes at most this long after the process is up. */
const KILL_AFTER_MS_MAX = 250;

/**
 * Kills a process under load at random moments, starts it again, until the load has ended; and then the next load.
 * The server that holds the effects lives here and is not killed.
 */
export async function killUnderLoad(options: KillOptions): Promise<KillReport> {
  const random = seededRandom(options.seed);
  const total = { kills: 0, loads: 0, acknowledged: 0, effects: 0 };
  const states: Partial<Record<RunState, number>> = {};
  const lost: string[] = [];
  const doubled: string[] = [];
  const wrong: string[] = [];
  while (total.kills < options.kills) {
    const folder = mkdtempSync(join(tmpdir(), 'tenon-kill-'));
    const file = join(folder, 'runtime.db');
    const server = await countingServer({ random, latencyMs: 25, unavailable: 0.05, cutOff: 0.05 });
    const acknowledged = new Set<string>();
    for (let isDone = false; !isDone; ) {
      const mayKill = total.kills < options.kills;
      isDone = await life(file, server.url, options.runs, acknowledged, mayKill ? random : undefined);
      if (!isDone) total.kills++;
    }
    const ledger = openLedger(file);
    judge(ledger, server, acknowledged, { states, lost, doubled, wrong });
    ledger.close();
    await server.close();
    total.loads++;
    total.acknowledged += acknowledged.size;
    total.effects += [...server.effects.values()].reduce((sum, count) => sum + count, 0);
    rmSync(folder, { recursive: true, force: true });
  }
  return { ...total, states, lost, doubled, wrong };
}

/** One life of the process; `true` when it ended its load, `false` when it was killed. */
async function life(
  file: string,
  url: string,
  runs: number,
  acknowledged: Set<string>,
  random: Random | undefined,
): Promise<boolean> {
  const args = [CHILD, file, url, String(runs), [...acknowledged].join(',')];
  const child = spawn(process.execPath, ['--conditions=source', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.on('exit', (_, signal) => resolve(signal)),
  );
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const isDone = { value: false };
  readLines(child, (line) => {
    if (line === 'up' && random !== undefined)
      setTimeout(() => child.kill('SIGKILL'), random.next() * KILL_AFTER_MS_MAX);
    if (line.startsWith('accepted ')) acknowledged.add(line.slice(9));
    if (line === 'done') isDone.value = true;
  });
  const signal = await ended;
  if (signal !== 'SIGKILL' && !isDone.value) throw new Error(`the process under test failed:\n${errors}`);
  return isDone.value;
}

/** In the order of its key, behind a run in doubt: not lost, it waits for the verdict. */
function isBehindDoubt(ledger: LedgerReader, runId: string, state: RunState): boolean {
  const accountOf = (id: string): unknown => (ledger.run(id)!.input as { readonly account?: string }).account;
  return (
    state === 'accepted' && ledger.inDoubt().some((doubt) => accountOf(doubt.runId) === accountOf(runId))
  );
}

function readLines(child: ChildProcess, onLine: (line: string) => void): void {
  let rest = '';
  child.stdout?.on('data', (chunk) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
  });
}

function judge(
  ledger: LedgerReader,
  server: CountingServer,
  acknowledged: ReadonlySet<string>,
  found: {
    readonly states: Partial<Record<RunState, number>>;
    readonly lost: string[];
    readonly doubled: string[];
    readonly wrong: string[];
  },
): void {
  const parked = new Set([...ledger.deadLetters(), ...ledger.inDoubt()].map(({ runId }) => runId));
  const runs = ledger.runs({ limit: 10_000 });
  for (const id of acknowledged)
    if (!runs.some(({ key, pipeline }) => pipeline === 'orders' && key === id))
      found.lost.push(`${id} has no run`);
  for (const { runId, pipeline, key, state } of runs) {
    found.states[state] = (found.states[state] ?? 0) + 1;
    const isOwned = state === 'succeeded' || parked.has(runId) || isBehindDoubt(ledger, runId, state);
    if (!isOwned) found.lost.push(`${pipeline} ${key} is ${state} without an owner`);
    const run = ledger.run(runId)!;
    for (const { id, state: stepState } of run.steps) {
      const operation = OPERATIONS[id.slice(id.lastIndexOf('.') + 1)];
      if (operation === undefined) continue;
      const name = `${operation} ${idempotencyKey(pipeline, key, id)}`;
      const isThere = server.effects.has(name);
      const isUndone = server.removed.has(name);
      const should = { succeeded: [true, false], compensated: [true, true], failed: [false, false] }[
        stepState as string
      ];
      if (should !== undefined && (should[0] !== isThere || should[1] !== isUndone))
        found.wrong.push(`${pipeline} ${key} ${id} ${stepState}: there ${isThere}, undone ${isUndone}`);
    }
    if (state === 'succeeded' && pipeline === 'orders')
      if (!runs.some((other) => other.pipeline === 'shipping' && other.key === key))
        found.lost.push(`${key}: its event started nothing`);
  }
  for (const [name, count] of server.effects) if (count > 1) found.doubled.push(`${name}: ${count}`);
}
