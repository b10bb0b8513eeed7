import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock, seededRandom } from '@tenon/model';
import { expect, test } from 'vitest';
import { openRuntime } from '../embedded/open-runtime.ts';
import { countingServer } from '../testing/counting-server.ts';
import { plainTransport } from '../testing/plain-transport.ts';
import { call, planFor, probe, undoable } from '../testing/plan.ts';

const DAY_MS = 86_400_000;
const EVENTS = 42;
const plan = planFor({
  onFailure: 'hold',
  identity: { key: { expression: 'event.id' }, retainMs: 30 * DAY_MS },
  steps: [
    undoable('invoice'),
    call('blind', 'acme.createBlind', { probe }),
    call('put', 'acme.put', { with: { object: { id: { expression: 'event.id' } } } }),
  ],
});

test("a week's events replayed, and delivered once more, have no effect that they had not had", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-week-'));
  const random = seededRandom(7);
  const faults = { random, latencyMs: 1, unavailable: 0.15, cutOff: 0.15 };
  const server = await countingServer(faults);
  const clock = manualClock();
  const runtime = await openRuntime({
    file: join(folder, 'runtime.db'),
    clock,
    random,
    transport: () => plainTransport(server.url),
  });
  const pass = async (ms: number): Promise<void> => {
    const untilMs = clock.now() + ms;
    await runtime.idle();
    for (let next = clock.next; next !== undefined && next <= untilMs; next = clock.next) {
      clock.advance(Math.max(0, next - clock.now()));
      await runtime.idle();
    }
    clock.advance(untilMs - clock.now());
  };
  try {
    await runtime.activate(plan);
    const startedAtMs = clock.now();
    const events = Array.from({ length: EVENTS }, (_, i) => ({
      event: 'shop.ordered',
      // Some are refused for good at their last step.
      payload: { id: i % 7 === 0 ? `o${i}!` : `o${i}` },
      source: 'shop',
    }));
    for (const [i, event] of events.entries()) {
      await runtime.accept({ ...event, deliveryId: `d${i}` });
      await pass((7 * DAY_MS) / EVENTS);
    }
    const states = Object.groupBy(runtime.runs({ limit: EVENTS }), ({ state }) => state);
    expect(states.succeeded?.length).toBeGreaterThan(EVENTS / 2);
    expect(states.failed?.length).toBeGreaterThanOrEqual(EVENTS / 7);
    const before = new Map(server.effects);
    expect([...before.values()].every((count) => count === 1)).toBe(true);

    const dry = await runtime.planReplay({ fromMs: startedAtMs, toMs: clock.now() }, 'ana', 'the week again');
    if (!dry.ok) throw new Error(dry.message);
    expect(dry.report.runs).toHaveLength(EVENTS);
    expect(await runtime.applyReplay(dry.report.token, 'ana', 'the week again')).toEqual({ ok: true });
    await pass(600_000);
    for (const [i, event] of events.entries())
      await runtime.accept({ ...event, deliveryId: i % 2 === 0 ? `d${i}` : `again${i}` });
    await pass(600_000);

    const status = runtime.replayStatus(dry.report.token);
    expect(status?.runs).toEqual({ done: EVENTS });
    expect(runtime.runs({ limit: 1_000 })).toHaveLength(EVENTS);
    const extra = [...server.effects].filter(([key, count]) => count !== 1 || !before.has(key));
    expect(extra).toEqual([]);
  } finally {
    await runtime.stop();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
