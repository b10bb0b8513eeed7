import type { Alarm, Answering, FlowReport } from '../../api/flow.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { Noted } from '../file/ledger-rows.ts';
import type { Write } from '../file/statements.ts';

/** An alarm that nobody has heeded is given again. */
const AGAIN_AFTER_MS = 4 * 3_600_000;
/** Nobody is to be woken for a drill that may as well be done tomorrow. */
const DRILL_AGAIN_AFTER_MS = 24 * 3_600_000;
/** What goes over its bound and below it by turns is one alarm: it is over when it has not stood for so long. */
const OVER_AFTER_MS = 60_000;
/** More than that stand nowhere; of those the oldest are forgotten. */
const TOLD_MAX = 1_000;
const SETTING = 'alarms';

/** What is to be committed so that somebody is told, and `untold`, to be called where that is refused: nobody was told, and it is due. */
type Telling = readonly [writes: readonly Write[], noted: readonly Noted[], untold: () => void];

interface Told {
  /** As it stands now, or stood last. */
  readonly alarm: Alarm;
  readonly sinceMs: number;
  readonly toldAtMs: number;
  readonly overAfterMs: number;
}

/**
 * What somebody was told of, by what it is about: absent → told → told again after four hours, or when another of its bounds is crossed →
 * over. It is kept in the file, written with the entries that tell it, so a process goes on from what the one before it told: a restart
 * pages nobody. (The ledger alone would have to be read back over all that it has had of no run since.)
 */
export class StandingAlarms {
  readonly #engine: EmbeddedEngine;
  #told: Map<string, Told> | undefined;
  /** When each was last seen to stand; all of an earlier process when this one first looks. */
  readonly #stoodAtMs = new Map<string, number>();

  constructor(engine: EmbeddedEngine) {
    this.#engine = engine;
  }

  flow(): FlowReport['alarms'] {
    return [...this.#known().values()].map(({ alarm, sinceMs }) => ({ ...alarm, sinceMs }));
  }

  /** Tells what is new among these, all of which stand now, and go on to until they were not seen for a while. */
  async stand(standing: readonly Alarm[], overAfterMs: number = OVER_AFTER_MS): Promise<void> {
    const [writes, noted, untold] = this.telling(standing, overAfterMs);
    if (noted.length === 0) return;
    try {
      await this.#engine.commit(writes, noted);
    } catch (error) {
      untold();
      throw error;
    }
  }

  /** As `stand`, for a commit of what they come of: it is to be made at once. */
  telling(standing: readonly Alarm[], overAfterMs: number = OVER_AFTER_MS): Telling {
    const now = this.#engine.now();
    const known = this.#known();
    const before = new Map<string, Told | undefined>();
    const news = standing.filter((alarm) => {
      const key = keyOf(alarm);
      const last = known.get(key);
      const isNew = last === undefined || isDue(last, alarm, now);
      const toldAtMs = isNew ? now : last.toldAtMs;
      known.set(key, { alarm, sinceMs: last?.sinceMs ?? now, toldAtMs, overAfterMs });
      this.#stoodAtMs.set(key, now);
      if (isNew) before.set(key, last);
      return isNew;
    });
    for (const key of known.keys()) {
      if (known.size <= TOLD_MAX) break;
      this.#forget(key);
    }
    return [
      ...this.#noted('alarm', news),
      () => {
        for (const [key, last] of before)
          if (last === undefined) this.#forget(key);
          else known.set(key, last);
      },
    ];
  }

  /** Tells which are over. */
  async sweep(): Promise<void> {
    const now = this.#engine.now();
    const over = [...this.#known()].filter(
      ([key, { overAfterMs }]) => Math.abs(now - (this.#stoodAtMs.get(key) ?? 0)) >= overAfterMs,
    );
    for (const [key] of over) this.#forget(key);
    const [writes, noted] = this.#noted(
      'alarmOver',
      over.map(([, { alarm, sinceMs }]) => ({ ...alarm, message: `over: ${alarm.message}`, sinceMs })),
    );
    if (noted.length > 0) await this.#engine.commit(writes, noted);
  }

  #noted(
    kind: 'alarm' | 'alarmOver',
    told: readonly (Alarm & { readonly sinceMs?: number })[],
  ): readonly [readonly Write[], readonly Noted[]] {
    if (told.length === 0) return [[], []];
    return [
      [['putSetting', SETTING, JSON.stringify([...this.#known().values()])]],
      told.map((details) => this.#engine.system({ kind, details })),
    ];
  }

  #forget(key: string): void {
    this.#known().delete(key);
    this.#stoodAtMs.delete(key);
  }

  /** When somebody first asks, not at start: the first resumed run does not wait for it. */
  #known(): Map<string, Told> {
    if (this.#told !== undefined) return this.#told;
    const now = this.#engine.now();
    const row = this.#engine.read.of('SELECT value FROM settings WHERE name = ?').get(SETTING);
    // Written by `#noted`.
    const kept = JSON.parse(String(row?.['value'] ?? '[]')) as readonly Told[];
    this.#told = new Map(kept.map((told) => [keyOf(told.alarm), told]));
    for (const key of this.#told.keys()) this.#stoodAtMs.set(key, now);
    return this.#told;
  }
}

/** Whose an alarm is, as it says it. */
export function answeredBy(owner: Answering | undefined): Pick<Alarm, 'owner' | 'backup' | 'escalation'> {
  if (owner === undefined) return {};
  const { team, backup, escalation } = owner;
  return {
    owner: team,
    ...(backup !== undefined && { backup }),
    ...(escalation !== undefined && { escalation }),
  };
}

function isDue({ toldAtMs, alarm }: Told, { crossed = [] }: Alarm, now: number): boolean {
  const againAfterMs = alarm.alarm === 'drillOverdue' ? DRILL_AGAIN_AFTER_MS : AGAIN_AFTER_MS;
  if (Math.abs(now - toldAtMs) >= againAfterMs) return true;
  return crossed.some((bound) => !alarm.crossed?.includes(bound));
}

function keyOf(told: Alarm): string {
  const { alarm, pipeline, queue, flag, expiresAtMs, reference, reconciliation, source } = told;
  // That of a secret is only where it was used first.
  const connection = reference === undefined ? told.connection : undefined;
  return JSON.stringify([
    alarm,
    pipeline,
    queue,
    flag,
    expiresAtMs,
    reference,
    reconciliation,
    connection,
    source,
  ]);
}
