import { type Clock, withClass } from '@tenon/model';
import type { Alarm, OutsideTrouble } from '@tenon/runtime';
import type { ConsumerStatus } from '@tenon/server';
import type { Health } from './health.ts';

/** For how long something is so before it is a trouble: longer than another system's deploy, and than from one look at health to the next. */
const TROUBLE_AFTER_MS = 6 * 60_000;

/** Of how long and how many of its listings a source must be behind before it is told: one that moved once is read whole at the next. */
const BEHIND_AFTER_MS = 60 * 60_000;
const BEHIND_AFTER_LISTINGS = 5;

/** A consumer, with how often it looks for what is new. */
export interface Watched extends ConsumerStatus {
  readonly everyMs: number;
}

/**
 * What is wrong outside and fails no run: a place that messages are to come from and that gives none, since it cannot be reached or does
 * not let us, or one that never comes to an end; a connection whose health call fails at two looks in a row. What was told stays so, over a restart too, until it is seen to be well.
 */
export class OutsideTroubles {
  readonly #clock: Clock;
  /** Connections that have a health call. */
  readonly #asked: ReadonlySet<string>;
  readonly #seen = new Map<string, { readonly health: Health; readonly sinceMs: number }>();

  constructor(clock: Clock, asked: Iterable<string>) {
    this.#clock = clock;
    this.#asked = new Set(asked);
  }

  /** What the health call of a connection came to, the first time and whenever it is otherwise. */
  seen(health: Health): void {
    this.#seen.set(health.connection, { health, sinceMs: this.#clock.now() });
  }

  /** `told`: the alarms that stand. */
  at(consumers: readonly Watched[], told: readonly Alarm[]): readonly OutsideTrouble[] {
    return [...this.#down(consumers, told), ...this.#behind(consumers, told), ...this.#unanswered(told)];
  }

  #down(consumers: readonly ConsumerStatus[], told: readonly Alarm[]): readonly OutsideTrouble[] {
    return consumers.flatMap(
      ({ connection, from, events, state, sinceMs, problem, problemClass }): OutsideTrouble[] => {
        const isTold = told.some((one) => one.alarm === 'sourceDown' && isOf(one, connection, from));
        // One that is paused is told of as the intake that is closed, and one that is stopped is meant to be.
        if (state !== 'connecting' || !(isTold || this.#lasts(sinceMs))) return [];
        const because = problem === undefined ? '' : `: ${withClass(problem, problemClass)}`;
        return [
          {
            alarm: 'sourceDown',
            connection,
            source: from,
            message: `nothing is taken from ${connection}/${from} since ${moment(sinceMs)}${because}`,
            next: 'tenon flow',
            events,
          },
        ];
      },
    );
  }

  #behind(consumers: readonly Watched[], told: readonly Alarm[]): readonly OutsideTrouble[] {
    return consumers.flatMap((one): OutsideTrouble[] => {
      const { connection, from, events, state, problem, problemSinceMs, everyMs } = one;
      if (state !== 'consuming' || problem === undefined || problemSinceMs === undefined) return [];
      const isTold = told.some((alarm) => alarm.alarm === 'sourceBehind' && isOf(alarm, connection, from));
      const afterMs = Math.max(BEHIND_AFTER_MS, BEHIND_AFTER_LISTINGS * everyMs);
      if (!isTold && this.#clock.now() - problemSinceMs < afterMs) return [];
      const since = moment(problemSinceMs);
      return [
        {
          alarm: 'sourceBehind',
          connection,
          source: from,
          message: `${connection}/${from} gives what is new, and has not come to an end since ${since}: ${problem}`,
          next: 'tenon flow',
          events,
        },
      ];
    });
  }

  #unanswered(told: readonly Alarm[]): readonly OutsideTrouble[] {
    return [...this.#asked].flatMap((connection): OutsideTrouble[] => {
      const standing = told.find((one) => one.alarm === 'connectionDown' && isOf(one, connection));
      const seen = this.#seen.get(connection);
      const trouble = { alarm: 'connectionDown', connection, next: 'tenon health' } as const;
      // Of this process nobody has looked yet.
      if (seen === undefined) return standing ? [{ ...trouble, message: standing.message }] : [];
      const { health, sinceMs } = seen;
      if (health.ok || !(standing || this.#lasts(sinceMs))) return [];
      const because = health.failure === undefined ? '' : `: ${health.failure.code}`;
      const message = `${health.operation}, the health call of ${connection}, fails since ${moment(sinceMs)}${because}`;
      return [{ ...trouble, message }];
    });
  }

  #lasts(sinceMs: number): boolean {
    return this.#clock.now() - sinceMs >= TROUBLE_AFTER_MS;
  }
}

function isOf(alarm: Alarm, connection: string, source?: string): boolean {
  return alarm.connection === connection && alarm.source === source;
}

function moment(ms: number): string {
  return new Date(ms).toISOString();
}
