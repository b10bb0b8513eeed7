import type { Alarm, FlowReport } from '../api/flow.ts';
import type { EmbeddedEngine } from './engine.ts';
import { entriesOf, SYSTEM } from './ledger-rows.ts';

/** An alarm that nobody has heeded is given again. */
const AGAIN_AFTER_MS = 4 * 3_600_000;
/** What goes over its bound and below it by turns is one alarm: it is over when it has not stood for so long. */
const OVER_AFTER_MS = 60_000;
/** Rows of the ledger, of no run, in which alarms of a process before this one are looked for. */
const ROWS_READ_BACK_MAX = 20_000;
/** Those that the watch gives; others are of one moment, and are never over. */
const WATCHED: ReadonlySet<string> = new Set<Alarm['alarm']>([
  'deadLetters',
  'inDoubt',
  'flagExpired',
  'intakeClosed',
]);

interface Told {
  /** As it stands now, or stood last. */
  readonly alarm: Alarm;
  readonly sinceMs: number;
  readonly toldAtMs: number;
  readonly stoodAtMs: number;
}

/**
 * What somebody was told of, by what it is about: absent → told → told again after four hours, or when another of its bounds is crossed →
 * over. The ledger has each of these, so a process goes on from what the one before it told: a restart pages nobody.
 */
export class StandingAlarms {
  readonly #engine: EmbeddedEngine;
  #told: Map<string, Told> | undefined;

  constructor(engine: EmbeddedEngine) {
    this.#engine = engine;
  }

  flow(): FlowReport['alarms'] {
    return [...this.#known().values()].map(({ alarm, sinceMs }) => ({ ...alarm, sinceMs }));
  }

  /** Tells what is new among the alarms that stand now, and what is over. */
  async tell(standing: readonly Alarm[], now: number): Promise<void> {
    const known = this.#known();
    for (const alarm of standing) {
      const key = keyOf(alarm);
      const last = known.get(key);
      const isNew = last === undefined || isDue(last, alarm, now);
      known.set(key, {
        alarm,
        sinceMs: last?.sinceMs ?? now,
        toldAtMs: isNew ? now : last.toldAtMs,
        stoodAtMs: now,
      });
      if (isNew) await this.#note('alarm', alarm);
    }
    for (const [key, { alarm, sinceMs, stoodAtMs }] of known) {
      if (Math.abs(now - stoodAtMs) < OVER_AFTER_MS) continue;
      known.delete(key);
      await this.#note('alarmOver', { ...alarm, sinceMs });
    }
  }

  #note(kind: 'alarm' | 'alarmOver', details: Alarm & { readonly sinceMs?: number }): Promise<void> {
    return this.#engine.commit([], [this.#engine.system({ kind, details })]);
  }

  /** When somebody first asks, not at start: the first resumed run does not wait for it. */
  #known(): Map<string, Told> {
    this.#told ??= this.#readBack();
    return this.#told;
  }

  #readBack(): Map<string, Told> {
    const now = this.#engine.now();
    const told = new Map<string, Told>();
    const rows = this.#engine.read
      .of(
        `SELECT seq, facts FROM (SELECT seq, facts FROM ledger WHERE run_seq = 0 ORDER BY seq DESC LIMIT ?)
         WHERE facts LIKE '%"kind":"alarm%' ORDER BY seq`,
      )
      .all(ROWS_READ_BACK_MAX);
    for (const { seq, facts } of rows)
      for (const { kind, at, details } of entriesOf(SYSTEM, Number(seq), String(facts))) {
        if ((kind !== 'alarm' && kind !== 'alarmOver') || !WATCHED.has(String(details['alarm']))) continue;
        // Written by `#note`, or by a version before it, whose alarms lack the words.
        const alarm = { message: '', next: '', ...details } as Alarm;
        const key = keyOf(alarm);
        if (kind === 'alarmOver') told.delete(key);
        else
          told.set(key, {
            alarm,
            sinceMs: told.get(key)?.sinceMs ?? at,
            toldAtMs: at,
            // Looked at by this process first: what is over by now is told as such.
            stoodAtMs: now,
          });
      }
    return told;
  }
}

function isDue({ toldAtMs, alarm }: Told, { crossed = [] }: Alarm, now: number): boolean {
  if (Math.abs(now - toldAtMs) >= AGAIN_AFTER_MS) return true;
  return crossed.some((bound) => !alarm.crossed?.includes(bound));
}

function keyOf({ alarm, pipeline, queue, flag, expiresAtMs }: Alarm): string {
  return JSON.stringify([alarm, pipeline, queue, flag, expiresAtMs]);
}
