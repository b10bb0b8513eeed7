import type { ReplayStanding, ReplayStatus } from '../../runtime.ts';
import type { RunRow } from '../file/run-row.ts';

/** Runs named in one answer. */
const LISTED_MAX = 1_000;

/** A run of a replay, as it lies in the file. */
export type ReplayedRow = Pick<RunRow, 'run_id' | 'pipeline' | 'state'> & {
  readonly became: keyof ReplayStatus['runs'];
};

/** What a replay did with its runs and how they stand now, counted, and the first of them by name: whom somebody has to look at before the others. */
export function standingOf(rows: readonly ReplayedRow[]): Pick<ReplayStatus, 'runs' | 'standing' | 'listed'> {
  const byStanding = Map.groupBy(rows, stands);
  const found = CONCERNS.flatMap((standing) => {
    const group = byStanding.get(standing);
    return group === undefined ? [] : [{ standing, group }];
  });
  return {
    runs: Object.fromEntries(
      [...Map.groupBy(rows, ({ became }) => became)].map(([became, { length }]) => [became, length]),
    ),
    standing: Object.fromEntries(found.map(({ standing, group }) => [standing, group.length])),
    listed: found
      .flatMap(({ standing, group }) =>
        group.slice(0, LISTED_MAX).map(({ run_id: runId, pipeline, state }) => ({
          runId,
          pipeline,
          stands: standing,
          state,
        })),
      )
      .slice(0, LISTED_MAX),
  };
}

/** In the order in which they are named. */
const CONCERNS: readonly ReplayStanding[] = [
  'failedAgain',
  'inDoubt',
  'refused',
  'compensated',
  'cancelled',
  'atWork',
  'waiting',
  'toBeSent',
  'planned',
  'succeeded',
];

function stands({ became, state }: ReplayedRow): ReplayStanding {
  switch (became) {
    case 'planned':
    case 'refused':
      return became;
    case 'waiting':
      return 'toBeSent';
    case 'sent':
    case 'done':
      return OF_STATE[state];
  }
}

/** Of runs that were let out, or had nothing left to do. */
const OF_STATE: Readonly<Record<RunRow['state'], ReplayStanding>> = {
  accepted: 'atWork',
  running: 'atWork',
  compensating: 'atWork',
  waiting: 'waiting',
  inDoubt: 'inDoubt',
  failed: 'failedAgain',
  succeeded: 'succeeded',
  compensated: 'compensated',
  cancelled: 'cancelled',
};
