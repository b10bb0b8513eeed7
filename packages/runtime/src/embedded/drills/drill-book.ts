import type { JsonObject } from '@tenon/model';
import type { DrillReport, DrillResult, DrillSubject, DueDrill } from '../../api/drills.ts';
import type { Alarm } from '../../runtime.ts';
import { answeredBy } from '../control/standing-alarms.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { Noted } from '../file/ledger-rows.ts';
import type { Write } from '../file/statements.ts';
import { neededDrills } from './needed-drills.ts';

const SETTING = 'drills';
/** The newest that are kept at hand, beside the last of each thing and the last that it passed: all of them are in the ledger. */
const RESULTS_KEPT = 100;
/** Overdue drills that one alarm names. */
const NAMED_MAX = 5;

interface Kept {
  /** Since when each pipeline asks for drills: nobody owes one from before. */
  readonly since: Readonly<Record<string, number>>;
  /** The newest first. */
  readonly results: readonly DrillResult[];
}

/**
 * What was drilled, and what is due. Each result is an entry of the ledger; the last ones are kept in the file beside it, in the same write,
 * since what is due is asked for every few seconds.
 */
export class DrillBook {
  readonly #engine: EmbeddedEngine;
  #kept: Kept | undefined;

  constructor(engine: EmbeddedEngine) {
    this.#engine = engine;
  }

  report(): DrillReport {
    return { atMs: this.#engine.now(), due: this.due(), results: this.#known().results };
  }

  due(): readonly DueDrill[] {
    const now = this.#engine.now();
    const { since, results } = this.#known();
    return [...this.#engine.inForce.begins.values()]
      .flatMap(({ plan }) => {
        const everyMs = plan.drills?.everyMs;
        if (everyMs === undefined) return [];
        const { pipeline } = plan;
        return neededDrills(plan, this.#engine.hasCredential).map((subject): DueDrill => {
          const of = results.filter((one) => isOfSame(one, subject) && one.verdict !== 'inconclusive');
          return { ...subject, pipeline, everyMs, ...stateOf(of, since[pipeline] ?? now, everyMs, now) };
        });
      })
      .toSorted((a, b) => (a.pipeline < b.pipeline ? -1 : a.pipeline > b.pipeline ? 1 : 0));
  }

  /** What stands in the ledger of it, and beside it. */
  async enter(result: DrillResult): Promise<void> {
    const known = this.#known();
    this.#kept = { ...known, results: newestOf([...known.results, result]) };
    const details: JsonObject = { action: 'ended', ...detailsOf(result) };
    try {
      await this.#save(this.#engine.system({ kind: 'drill', details }));
    } catch (error) {
      // Nobody was told that it is: what is on disk is what there is.
      this.#kept = undefined;
      throw error;
    }
  }

  /** Notes which pipelines ask for drills from now on, and which do no more. */
  async tend(): Promise<void> {
    const { since, results } = this.#known();
    const asking = [...this.#engine.inForce.begins.values()].flatMap(({ plan }) =>
      plan.drills === undefined ? [] : [plan.pipeline],
    );
    const isSame = asking.length === Object.keys(since).length && asking.every((name) => name in since);
    if (isSame) return;
    const now = this.#engine.now();
    this.#kept = { since: Object.fromEntries(asking.map((name) => [name, since[name] ?? now])), results };
    await this.#save();
  }

  alarms(): readonly Alarm[] {
    const overdue = Map.groupBy(
      this.due().filter(({ isOverdue }) => isOverdue),
      ({ pipeline }) => pipeline,
    );
    return [...overdue].map(([pipeline, drills]) => ({
      alarm: 'drillOverdue',
      message: `drills of ${pipeline} are overdue: ${wordsOf(drills)}`,
      next: `tenon drill ls --pipeline ${pipeline}`,
      pipeline,
      ...answeredBy(this.#engine.plans.last(pipeline).owner),
    }));
  }

  async #save(...noted: readonly Noted[]): Promise<void> {
    const write: Write = ['putSetting', SETTING, JSON.stringify(this.#kept)];
    await this.#engine.commit([write], noted);
  }

  #known(): Kept {
    if (this.#kept !== undefined) return this.#kept;
    const row = this.#engine.read.of('SELECT value FROM settings WHERE name = ?').get(SETTING);
    // Written by `#save`.
    this.#kept = row === undefined ? { since: {}, results: [] } : (JSON.parse(String(row['value'])) as Kept);
    return this.#kept;
  }
}

function stateOf(
  results: readonly DrillResult[],
  sinceMs: number,
  everyMs: number,
  now: number,
): Pick<DueDrill, 'last' | 'lastPassedAtMs' | 'dueAtMs' | 'isOverdue'> {
  const last = results[0];
  const lastPassedAtMs = results.find(({ verdict }) => verdict === 'passed')?.endedAtMs;
  const dueAtMs = last?.verdict === 'failed' ? last.endedAtMs : (lastPassedAtMs ?? sinceMs) + everyMs;
  return {
    ...(last !== undefined && {
      last: { id: last.id, verdict: last.verdict, endedAtMs: last.endedAtMs, actor: last.actor },
    }),
    ...(lastPassedAtMs !== undefined && { lastPassedAtMs }),
    dueAtMs,
    isOverdue: dueAtMs <= now,
  };
}

/** The newest first: what a person tells of last week comes behind what has been drilled since. */
function newestOf(results: readonly DrillResult[]): readonly DrillResult[] {
  const seen = new Set<string>();
  return results
    .toSorted((a, b) => b.endedAtMs - a.endedAtMs || (a.id < b.id ? 1 : -1))
    .filter((one, place) => {
      const isFirst = [subjectName(one), `${subjectName(one)} ${one.verdict}`].filter((name) => {
        const isNew = !seen.has(name);
        seen.add(name);
        return isNew;
      });
      return place < RESULTS_KEPT || isFirst.length > 0;
    });
}

function subjectName({ kind, pipeline, connection }: DrillSubject): string {
  return JSON.stringify([kind, pipeline, connection]);
}

function isOfSame(one: DrillSubject, other: DrillSubject): boolean {
  return one.kind === other.kind && one.pipeline === other.pipeline && one.connection === other.connection;
}

function detailsOf({ people, ...result }: DrillResult): JsonObject {
  return { ...result, ...(people !== undefined && { people }) };
}

function wordsOf(drills: readonly DueDrill[]): string {
  const named = drills.slice(0, NAMED_MAX).map(({ kind, connection, last, lastPassedAtMs }) => {
    const what = connection === undefined ? kind : `${kind} of ${connection}`;
    if (last?.verdict === 'failed') return `${what} (failed on ${day(last.endedAtMs)})`;
    return `${what} (${lastPassedAtMs === undefined ? 'never passed' : `last passed on ${day(lastPassedAtMs)}`})`;
  });
  const more = drills.length > NAMED_MAX ? ` and ${drills.length - NAMED_MAX} more` : '';
  return named.join(', ') + more;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
