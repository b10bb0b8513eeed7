import type { DrillReport, TrialReport } from '@tenon/testkit/drill';
import { plural } from './report.ts';

const ENDS = {
  succeeded: 'succeeded',
  compensated: 'were undone',
  cancelled: 'were cancelled',
  parked: 'were parked with their owner',
  inDoubt: 'stopped in doubt',
  failed: 'failed',
  endless: 'never ended',
  untaken: 'were not begun',
} as const satisfies Record<TrialReport['end']['as'], string>;

/** Ways named for each place where somebody is needed, unless all are asked for. */
const WAYS_NAMED = 3;

/** A drill for people: how its runs ended, and where somebody was needed. `all`: each of them. */
export function renderDrill(report: DrillReport, all: boolean): string {
  const { pipeline, trials, failed, isCut, isPart, unreached, unasked, madeUp, seed, untriedConnections } =
    report;
  if (failed !== undefined) {
    const where = failed.step === undefined ? '' : ` at ${failed.step}`;
    return `${pipeline}: not drilled, for no run came to a good end\n  the best stopped${where}: ${failed.message}\n${unaskedWords(unasked)}`;
  }
  const broken = trials.filter((trial) => trial.broken.length > 0).length;
  return [
    `${pipeline}: ${plural(trials.length, 'runs')}, seed ${seed}\n`,
    `  ended   ${endWords(trials)}\n`,
    ...neededWords(trials, all),
    ...askedWords(trials),
    ...(all ? trials.map(trialLine) : []),
    ...(madeUp.length > 0
      ? [`  known by their contract alone, and so only as true as that: ${madeUp.join(', ')}\n`]
      : []),
    ...(unreached.length > 0 ? [`  reached by no run: ${unreached.join(', ')}\n`] : []),
    ...sharedKeyWords(report),
    unaskedWords(unasked),
    ...(untriedConnections.length > 0
      ? [
          `  came over none of these connections, so give \`connection\` in --start: ${untriedConnections.join(', ')}\n`,
        ]
      : []),
    ...(isCut ? ['  interrupted: what follows is of these runs alone\n'] : []),
    broken === 0
      ? `  every promise held${isPart ? ' in these runs' : ''}${unreached.length > 0 ? ' in what was reached' : ''}: at most one effect a step, all undone or owned, nothing lost, nothing leaked\n`
      : `  ${plural(broken, 'runs')} broke a promise\n`,
  ].join('');
}

function unaskedWords(unasked: DrillReport['unasked']): string {
  return unasked.map((words) => `  given for nothing: ${words}\n`).join('');
}

/** Whether two such events are one and the same, only the author knows. */
function sharedKeyWords({ sharedKey }: DrillReport): readonly string[] {
  if (sharedKey === undefined) return [];
  const { members, steps } = sharedKey;
  return [
    `  events with one business key are one: of a second that has another ${members.join(', ')}, nothing is sent (${steps.join(', ')})\n`,
  ];
}

function endWords(trials: readonly TrialReport[]): string {
  const counts = Map.groupBy(trials, ({ end }) => end.as);
  return (Object.keys(ENDS) as TrialReport['end']['as'][])
    .flatMap((as) => (counts.has(as) ? [`${counts.get(as)!.length} ${ENDS[as]}`] : []))
    .join(', ');
}

/** Where a run waits for somebody, for whom, and when it comes to that. */
function neededWords(trials: readonly TrialReport[], all: boolean): readonly string[] {
  const needed = Map.groupBy(
    trials.filter(({ end }) => end.waits !== undefined),
    ({ end: { waits }, settled }) =>
      `${waits!.step}, ${waits!.why}: ${waits!.owner} says how it goes on${settledWords(settled)}`,
  );
  if (needed.size === 0) return [];
  return [
    '  somebody is needed\n',
    ...[...needed].flatMap(([words, same]) => [
      `    ${words}\n`,
      ...same.slice(0, all ? same.length : WAYS_NAMED).map(({ schedule }) => `      ${schedule.name}\n`),
      ...(!all && same.length > WAYS_NAMED ? [`      and in ${otherWays(same.length - WAYS_NAMED)}\n`] : []),
    ]),
  ];
}

function otherWays(count: number): string {
  return count === 1 ? 'another way' : `${count} other ways`;
}

/** Who is asked before something is undone, and how often it came to that: where a guard lets nothing through, that is always. */
function askedWords(trials: readonly TrialReport[]): readonly string[] {
  const asked = Map.groupBy(
    trials.flatMap(({ asked = [] }) => asked),
    ({ step, by }) => `${step.replace('compensate:', '')}: ${by} is asked before it is undone`,
  );
  return [...asked].map(
    ([words, times]) => `    ${words} (in ${plural(times.length, 'runs')}; they said yes)\n`,
  );
}

function settledWords(settled: TrialReport['settled']): string {
  return settled === undefined ? '' : `; told what is true, the run is ${settled.state}`;
}

function trialLine({ schedule, end, effects }: TrialReport): string {
  const fixes = end.fixes > 0 ? `, ${plural(end.fixes, 'fixes')} owed` : '';
  return `  ${schedule.name}: ${end.as}, ${plural(effects, 'effects')}${fixes}\n`;
}
