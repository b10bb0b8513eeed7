import type { ReplayStanding, ReplayStatus } from '@tenon/runtime';
import { renderTable } from '../text/table.ts';

/** Runs of a replay. Earlier servers do not say how they stand now. */
export type KnownRuns = Pick<ReplayStatus, 'runs'> & Partial<Pick<ReplayStatus, 'standing' | 'listed'>>;

/** Runs that are shown of a replay. */
const SHOWN_MAX = 50;

/** How many of them stand how. */
export function countsOf({ runs, standing }: KnownRuns): string {
  const counts =
    standing === undefined
      ? Object.entries(runs).map(([state, count]) => `${count} ${state}`)
      : Object.entries(STANDING).flatMap(([name, words]) => {
          // Its keys are those of the table.
          const count = standing[name as ReplayStanding];
          return count === undefined ? [] : [`${count} ${words}`];
        });
  return counts.join(', ') || 'none';
}

/** Which of them stand how, as far as they are named. */
export function listedLines({ runs, listed = [] }: KnownRuns, width: number | undefined): readonly string[] {
  const shown = listed.slice(0, SHOWN_MAX);
  if (shown.length === 0) return [];
  const all = Object.values(runs).reduce((sum, count) => sum + count, 0);
  return [
    '',
    renderTable(
      ['RUN', { title: 'PIPELINE', shortens: true }, 'STANDS'],
      shown.map(({ runId, pipeline, stands }) => [runId, pipeline, STANDING[stands]]),
      width,
    ),
    ...(all > shown.length ? [`and ${all - shown.length} more; --format json names ${listed.length}`] : []),
  ];
}

/** What is said of runs that stand so, in the order in which they are counted. */
const STANDING: Readonly<Record<ReplayStanding, string>> = {
  succeeded: 'succeeded',
  failedAgain: 'failed again',
  inDoubt: 'in doubt',
  compensated: 'undone',
  cancelled: 'cancelled',
  waiting: 'waiting',
  atWork: 'at work',
  toBeSent: 'not let out yet',
  planned: 'planned',
  refused: 'refused',
};
