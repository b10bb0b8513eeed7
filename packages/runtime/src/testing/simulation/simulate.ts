import { seededRandom } from '@tenon/model';
import { CommitRefused } from '../../embedded/commit/commit-queue.ts';
import type { RunSummary } from '../../runtime.ts';
import { RuntimeError } from '../../runtime-error.ts';
import { type Bench, openBenchWith } from '../bench.ts';
import { emptyFile } from '../empty-file.ts';
import { keysNamed, layKnownKeys } from '../keys.ts';
import { BOOKS, hasTwoAccounts, SENDERS } from './accounts.ts';
import { childrenOf } from './children.ts';
import { Coverage, type Happening } from './coverage.ts';
import { Deployer } from './deployer.ts';
import { guardingOf } from './guarding.ts';
import { History, type Witness } from './history.ts';
import { judge } from './judge.ts';
import { judgeLedger } from './judge-ledger.ts';
import { judgeWire } from './judge-wire.ts';
import { Endless } from './life.ts';
import { nextVersion, RECEIPTS, randomPlan, SHIPPING, themeOf } from './plans.ts';
import { slownessOf } from './slowness.ts';
import { SwitchHand } from './switch-hand.ts';
import { Wire } from './wire.ts';
import { World } from './world.ts';

export interface Simulation {
  readonly seed: number;
  /** What must not be. */
  readonly violations: readonly string[];
  readonly runs: readonly RunSummary[];
  readonly crashes: number;
  /** Switches that were set. */
  readonly switches: number;
  /** What went wrong, and what was done, how often. */
  readonly happenings: Readonly<Partial<Record<Happening, number>>>;
}

/** So few that the log is moved into the file, and begun anew, many times. */
const LOG_PAGES = 16;
/** One in so many histories is lived on an encrypted file. */
const ENCRYPTED_EVERY = 4;

/**
 * One random plan, load, set of faults, kills and operators, all from a seed: the real interpreter and engine over a
 * simulated clock, target and process. What happened is then judged from outside: by the target's own records and the
 * entries that were announced.
 */
export async function simulate(
  seed: number,
  /** Shown the end, for a closer look at a seed. */
  inspect?: (bench: Bench, runs: readonly RunSummary[]) => void,
): Promise<Simulation> {
  const random = seededRandom(seed);
  const theme = themeOf(seed);
  const slowness = slownessOf(seed);
  const isSlow = slowness !== undefined;
  const plan = randomPlan(random, theme, isSlow);
  const first = [...childrenOf(plan), plan];
  const next = nextVersion(seededRandom(seed + 2_000_000), theme, isSlow, plan);
  const versions = [first, [...childrenOf(next), next]];
  const coverage = new Coverage();
  const start = { begun: emptyFile(), logPages: LOG_PAGES, checkpoints: { everyRows: 20 }, slowness };
  const guarding = guardingOf(seed, theme);
  const hasTwo = hasTwoAccounts(seed);
  const beside = [
    SHIPPING,
    ...(guarding === undefined ? [] : [RECEIPTS]),
    ...(hasTwo ? [BOOKS, ...SENDERS] : []),
  ];
  const bench = await openBenchWith(start, [...beside, ...first]);
  if (seed % ENCRYPTED_EVERY === 0) {
    // From the second start on: at once, or in the midst, so that what was stored until then is taken over while runs go on.
    bench.encryption = keysNamed('k1');
    layKnownKeys(bench.file, bench.encryption);
    if (seed % (2 * ENCRYPTED_EVERY) === 0) await bench.restart();
  }
  const hand = new SwitchHand(bench, seededRandom(seed + 1_000_000), coverage, hasTwo);
  const wire = guarding && new Wire(bench, guarding, coverage);
  const world = new World(bench, random, {
    hand,
    theme,
    coverage,
    deployerOf: (life) =>
      new Deployer(bench, seededRandom(seed + 5_000_000), hand, { life, coverage, versions }),
    meanwhile: slowness?.random,
    wire,
    accounts: hasTwo ? seededRandom(seed + 7_000_000) : undefined,
  });
  const seen = (violations: readonly string[], runs: readonly RunSummary[]): Simulation => ({
    seed,
    violations,
    runs,
    crashes: world.life.crashes,
    switches: hand.sets,
    happenings: coverage.counts,
  });
  const lived = async (): Promise<Simulation> => {
    await world.live();
    const runs = withKeys(bench, world.witness);
    inspect?.(bench, runs);
    const promises = judge(new History(bench, world.witness, runs, versions.flat()));
    for (const { kind, details } of bench.entries)
      if (kind === 'approval' && (details['expired'] ?? details['escalated']) === true)
        coverage.saw('approval expired');
      else if (kind === 'held' && String(details['by']).includes('maintenance/'))
        coverage.saw('run held by a closed window');
    const told = hand.judge(world.flaggedOff);
    const ledger = await judgeLedger(bench);
    const carried = wire === undefined ? [] : judgeWire(wire, world.isClockSet);
    return seen([...promises, ...world.violations, ...carried, ...told, ...ledger], runs);
  };
  try {
    return await Promise.race([lived(), world.life.endless]);
  } catch (error) {
    // What it wrote itself it must be able to open and to go on from.
    if (!(error instanceof RuntimeError || error instanceof CommitRefused || error instanceof Endless))
      throw error;
    return seen([`${error.name}: ${error.message}`], []);
  } finally {
    world.life.close();
    bench.abandon();
  }
}

/** All runs. What was erased from an encrypted file does not say its key any more, and is found by it. */
function withKeys(bench: Bench, { lines }: Witness): readonly RunSummary[] {
  const keys = new Map(
    [...lines.keys()].flatMap((key) => bench.runtime.runs({ key }).map(({ runId }) => [runId, key] as const)),
  );
  return bench.runtime.runs({ limit: 1_000 }).map((run) => ({ ...run, key: keys.get(run.runId) ?? run.key }));
}
