/**
 * `node --conditions=source test/scenarios/src/kill.ts [kills] [runs] [seed]`: a load of real webhooks against a real
 * `tenon serve`, which is killed with SIGKILL at random moments and started again, until the kills are spent and the
 * load is done. Then every accepted event must have ended or be parked, and no system may hold two effects of one key.
 */
import { seededRandom } from '@tenon/model';
import { repoRoot } from './demo/child.ts';
import { accountOf, invoices, mails, tickets } from './demo/story.ts';
import { startWorld, type World } from './demo/world.ts';
import { tenon } from './tenon.ts';

export interface KillReport {
  readonly kills: number;
  readonly accepted: number;
  /** Runs by their last state. */
  readonly states: Readonly<Record<string, number>>;
  /** What must not be: events lost, effects doubled, runs neither ended nor parked. Empty when all is as promised. */
  readonly violations: readonly string[];
}

/** Longest a killed process may have lived, so that kills fall before, in and after runs. */
const LIFE_MS_MAX = 900;
const SETTLE_MS = 60_000;
const ENDED = new Set(['succeeded', 'compensated', 'failed', 'cancelled', 'inDoubt']);

export async function killLoad(
  kills: number,
  runs: number,
  seed: number,
  log: (text: string) => void = () => {},
): Promise<KillReport> {
  const random = seededRandom(seed);
  const ids = Array.from({ length: runs }, (_, index) => `acc_${5_000 + index}`);
  const world = await startWorld(ids);
  try {
    // Every call takes a while, so that a kill finds one under way.
    for (const sandbox of [world.crm, world.billing, world.ticketing])
      sandbox.faults.add({ fault: { kind: 'latency', ms: 40 } });
    const accepted = new Set<string>();
    const waiting = [...ids];
    let killed = 0;
    while (killed < kills || waiting.length > 0) {
      const share =
        killed < kills ? Math.ceil(waiting.length / Math.max(1, (kills - killed) / 2)) : waiting.length;
      const sending = Promise.all(
        waiting.splice(0, share).map((account) => send(world, account, accepted, waiting)),
      );
      if (killed < kills) {
        await pause(random.next() * LIFE_MS_MAX);
        await world.tenon.kill();
        killed += 1;
        if (killed % 20 === 0) log(`${killed} kills, ${accepted.size} accepted`);
        await sending;
        await world.tenon.start();
      } else {
        await sending;
      }
    }
    const states = await settled(world, accepted.size);
    return {
      kills: killed,
      accepted: accepted.size,
      states: states.counts,
      violations: [...states.violations, ...violations(world, ids)],
    };
  } finally {
    await world.close();
  }
}

/** Like any sender of webhooks: what was not acknowledged is sent again later, under the same delivery id. */
async function send(world: World, account: string, accepted: Set<string>, again: string[]): Promise<void> {
  try {
    const { status } = await world.deliverUpgrade({ account }, `msg_${account}`);
    if (status === 202) accepted.add(account);
    else again.push(account);
  } catch {
    again.push(account);
  }
}

async function settled(
  world: World,
  expected: number,
): Promise<{ counts: Record<string, number>; violations: string[] }> {
  const until = Date.now() + SETTLE_MS;
  for (;;) {
    const listed = await tenon(repoRoot, [
      'runs',
      'ls',
      '--limit',
      '1000',
      '--format',
      'json',
      '--url',
      world.tenon.url,
    ]);
    const runs = JSON.parse(listed.out || '[]') as { runId: string; state: string; owner: string }[];
    const open = runs.filter(({ state }) => !ENDED.has(state));
    if ((open.length === 0 && runs.length >= expected) || Date.now() > until) {
      const counts: Record<string, number> = {};
      for (const { state } of runs) counts[state] = (counts[state] ?? 0) + 1;
      return {
        counts,
        violations: [
          ...(runs.length === expected
            ? []
            : [`${expected} events were acknowledged, ${runs.length} runs exist`]),
          ...open.map(({ runId, state }) => `run ${runId} is still ${state}`),
          ...runs.filter(({ owner }) => !owner).map(({ runId }) => `run ${runId} has no owner`),
        ],
      };
    }
    await pause(200);
  }
}

/** One effect per key in every system that honours keys or can be probed. */
function violations(world: World, ids: readonly string[]): string[] {
  const found: string[] = [];
  for (const id of ids) {
    const counts = {
      invoices: invoices(world, id).length,
      tickets: tickets(world, id).length,
      mails: mails(world, id),
    };
    for (const [what, count] of Object.entries(counts))
      if (count > 1) found.push(`${id} has ${count} ${what}`);
    if (accountOf(world, id)['plan'] === 'business' && counts.invoices === 0)
      found.push(`${id} was upgraded without an invoice`);
  }
  return found;
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

if (process.argv[1] === import.meta.filename) {
  const [kills = 200, runs = 50, seed = 1] = process.argv.slice(2).map(Number);
  const startedAt = performance.now();
  const report = await killLoad(kills, runs, seed, console.log);
  console.log(JSON.stringify(report, null, 2));
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(0)} s, seed ${seed}`);
  process.exitCode = report.violations.length === 0 ? 0 : 1;
}
