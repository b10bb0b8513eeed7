import { failureClasses } from '@tenon/model';
import type { DeadLetter, DeadLetterGroup, ReplayReport, ReplayStatus } from '@tenon/runtime';
import type { OperationsClient } from '../client/operations-client.ts';
import { type Args, type CommandSpec, type OptionSpec, UsageError } from '../command.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { plural } from '../render/index.ts';
import { roughDuration } from '../text/rough-duration.ts';
import { renderTable } from '../text/table.ts';
import { parseTime } from '../text/utc-time.ts';
import { connectionColumn } from './connection-column.ts';
import { applyFrozen, askedLines, showFrozen } from './frozen-set.ts';
import { filters, listing, needReason, parseLimit, rate, reason, remote } from './operator-options.ts';
import { countsOf, type KnownRuns, listedLines } from './replayed-runs.ts';
import { sayIfCut } from './say-if-cut.ts';
import { sayIfUnknown } from './say-if-unknown.ts';
import { tellRun } from './tell-run.ts';
import { type Show, withClient, withRunning } from './with-client.ts';

const letters: Readonly<Record<string, OptionSpec>> = {
  pipeline: filters['pipeline']!,
  connection: filters['connection']!,
  queue: {
    type: 'string',
    value: '<queue>',
    help: 'in this queue',
    choices: ['retry', 'repair', 'quarantine'],
  },
  class: {
    type: 'string',
    value: '<class>',
    help: 'that failed with this class',
    choices: Object.keys(failureClasses),
  },
  group: { type: 'string', value: '<fingerprint>', help: 'of this group (`tenon dead-letters groups`)' },
};

/** Commands for runs that stopped: what they are, and how they go on. */
export const replayCommands: readonly CommandSpec[] = [
  {
    name: 'dead-letters',
    summary: 'Parked runs, each with its cause and owner',
    isList: true,
    options: {
      ...listing,
      ...letters,
      limit: { type: 'string', value: '<n>', help: 'at most so many, the oldest first; default 1000' },
    },
    run: withClient(async (client, args, show, io) => {
      const { deadLetters } = (await client.get('/v1/dead-letters', {
        limit: parseLimit(args.text('limit')),
        pipeline: args.text('pipeline'),
        connection: args.text('connection'),
        queue: args.text('queue'),
        failureClass: args.text('class'),
        fingerprint: args.text('group'),
      })) as { deadLetters: DeadLetter[] };
      const connection = connectionColumn(deadLetters, { drop: 7, below: true });
      const code = show(deadLetters, (width) =>
        renderTable(
          [
            'RUN',
            { title: 'PIPELINE', shortens: true },
            { title: 'QUEUE', drop: 5, below: true },
            { title: 'KEY', shortens: true },
            ...connection.titles,
            'STEP',
            { title: 'CLASS', drop: 3 },
            { title: 'ATTEMPTS', drop: 1 },
            'SETTLED',
            { title: 'SINCE', drop: 6, below: true },
            { title: 'OWNER', drop: 2, below: true },
            { title: 'GROUP', drop: 4 },
            { title: 'CAUSE', below: true },
          ],
          deadLetters.map((letter) => [
            letter.runId,
            letter.pipeline,
            letter.queue,
            letter.key,
            ...connection.cell(letter),
            letter.step,
            letter.failure.class,
            String(letter.attempts),
            letter.settled,
            roughDuration(io.clock.now() - letter.sinceMs),
            letter.owner,
            letter.fingerprint,
            letter.failure.message,
          ]),
          width,
        ),
      );
      sayIfCut(deadLetters, LETTERS_LISTED, 'the oldest', args, io);
      await sayIfUnknown(deadLetters, client, args, io);
      return code;
    }),
  },
  {
    name: 'dead-letters groups',
    summary: 'Dead letters of one cause together, the largest group first',
    options: {
      ...listing,
      pipeline: letters['pipeline']!,
      connection: letters['connection']!,
      queue: letters['queue']!,
    },
    run: withClient(async (client, args, show, io) => {
      const { groups } = (await client.get('/v1/dead-letter-groups', {
        pipeline: args.text('pipeline'),
        connection: args.text('connection'),
        queue: args.text('queue'),
      })) as { groups: DeadLetterGroup[] };
      const code = show(groups, (width) =>
        renderTable(
          [
            'GROUP',
            'COUNT',
            'RESUMABLE',
            { title: 'PIPELINE', shortens: true },
            { title: 'QUEUE', drop: 3, below: true },
            'STEP',
            { title: 'CLASS', drop: 2 },
            'OLDEST',
            { title: 'OWNER', drop: 1, below: true },
            { title: 'NEWEST CAUSE', below: true },
          ],
          groups.map((group) => [
            group.fingerprint,
            String(group.count),
            String(group.resumable),
            group.pipeline,
            group.queue,
            group.step,
            group.failure.class,
            roughDuration(io.clock.now() - group.oldestMs),
            group.owner,
            group.failure.message,
          ]),
          width,
        ),
      );
      await sayIfUnknown(groups, client, args, io);
      return code;
    }),
  },
  {
    name: 'dead-letters resume',
    summary: 'Go on at the failed step; finished steps are not repeated. Several: a dry run with a token',
    positionals: ['[run]'],
    options: { ...listing, ...reason, ...letters },
    examples: [
      'tenon dead-letters resume 01j… --reason "address corrected"',
      'tenon dead-letters resume --group 3f9c1a --reason "their outage is over"',
    ],
    run: withRunning(async (client, args, show, io) => {
      const runId = args.positionals[0];
      const filter = {
        pipeline: args.text('pipeline'),
        queue: args.text('queue'),
        failureClass: args.text('class'),
        fingerprint: args.text('group'),
      };
      const isMany = Object.values(filter).some((value) => value !== undefined);
      if ((runId !== undefined) === isMany)
        throw new UsageError(
          runId === undefined ? 'argument-missing' : 'arguments-contradict',
          'name a run, or those of --group, --pipeline, --queue or --class',
        );
      if (isMany) return dryRun(client, args, show, io, { ...filter, state: 'failed' });
      return tellRun('resume', runId!, needReason(args), client, args, io);
    }),
  },
  {
    name: 'replay',
    summary: 'What running again what a filter names would do, with the same keys: a dry run with a token',
    options: {
      ...listing,
      ...reason,
      ...filters,
      run: { type: 'string', value: '<run>', help: 'this run' },
      event: { type: 'string', value: '<event>', help: 'begun by events of this name' },
      delivery: { type: 'string', value: '<id>', help: 'begun by the event with this delivery id' },
      from: { type: 'string', value: '<time>', help: 'accepted at or after (RFC 3339)' },
      to: { type: 'string', value: '<time>', help: 'accepted at or before (RFC 3339)' },
      group: letters['group']!,
      queue: letters['queue']!,
      class: letters['class']!,
    },
    examples: [
      'tenon replay --pipeline order-paid --from 2026-11-01T00:00:00Z --reason "mapping was fixed"',
      'tenon replay apply 01j… --reason "looked through the list" --rate 5',
    ],
    run: withClient((client, args, show, io) => {
      const filter = {
        runId: args.text('run'),
        pipeline: args.text('pipeline'),
        key: args.text('key'),
        orderKey: args.text('order-key'),
        connection: args.text('connection'),
        state: args.text('state'),
        event: args.text('event'),
        deliveryId: args.text('delivery'),
        fromMs: parseTime(args.text('from'), '--from'),
        toMs: parseTime(args.text('to'), '--to'),
        fingerprint: args.text('group'),
        queue: args.text('queue'),
        failureClass: args.text('class'),
      };
      if (Object.values(filter).every((value) => value === undefined))
        throw new UsageError(
          'argument-missing',
          'say what to replay: --run, --key, --order-key, --connection, --event, --delivery, --pipeline, --state, --from, --to, --group, --queue, --class',
        );
      return dryRun(client, args, show, io, filter);
    }),
  },
  {
    name: 'replay apply',
    summary: 'Replay exactly the runs that a dry run showed, once, beside live traffic',
    positionals: ['<token>'],
    options: { ...remote, ...reason, ...rate },
    run: withClient((client, args, _show, io) =>
      applyFrozen('/v1/replays', 'tenon replay status', client, args, io),
    ),
  },
  {
    name: 'replay status',
    summary: 'Who asked for a replay, who applied it, and how far it is',
    positionals: ['<token>'],
    options: listing,
    run: withClient(async (client, args, show) => {
      // The shape that contracts/operations promises.
      const status = (await client.get(
        `/v1/replays/${encodeURIComponent(args.positionals[0]!)}`,
      )) as unknown as KnownStatus;
      return show(status, (width) => statusWords(status, width));
    }),
  },
];

/** What the API lists where no `--limit` is given. */
export const LETTERS_LISTED = 1_000;

async function dryRun(
  client: OperationsClient,
  args: Args,
  show: Show,
  io: Io,
  filter: object,
): Promise<ExitCode> {
  // The shape that contracts/operations promises.
  const report = (await client.post('/v1/replays', {
    filter,
    reason: needReason(args),
  })) as unknown as ReplayReport;
  const { runs } = report;
  const goOn = runs.filter((run) => run.goesOn).length;
  const refused = runs.filter((run) => run.refused !== undefined).length;
  const among = runs.length === 0 ? 'no run fits' : `${plural(runs.length, 'runs')}, refused ${refused}`;
  const isNothing = goOn === 0;
  const code = showFrozen(
    report,
    {
      says: isNothing
        ? `nothing to do (${among})`
        : `${goOn} of ${plural(runs.length, 'runs')} would go on, refused ${refused}`,
      isNothing,
      apply: 'tenon replay apply',
      table: (width) => (runs.length === 0 ? '' : runsTable(runs, width)),
    },
    show,
    io,
  );
  if (isNothing) await sayIfUnknown(runs, client, args, io);
  return code;
}

function runsTable(runs: ReplayReport['runs'], width: number | undefined): string {
  return renderTable(
    [
      'RUN',
      { title: 'KEY', shortens: true },
      { title: 'EFFECTS SKIPPED', below: true },
      { title: 'EFFECTS TO SEND', below: true },
      { title: 'REFUSED', below: true },
    ],
    runs.map((run) => [
      run.runId,
      run.key,
      [...run.effectsSkipped, ...unknownWords(run)].join(', ') || '–',
      run.effectsToSend.join(', ') || '–',
      run.refused ?? '',
    ]),
    width,
  );
}

/** Effects whose names are gone with the data of their run; it has ended, so they are skipped, whatever they were. */
function unknownWords({ effectsUnknown = [] }: ReplayReport['runs'][number]): readonly string[] {
  return effectsUnknown.map(
    ({ step, because }) =>
      `${step === undefined ? '' : `${step} › `}not known any more (${because === 'erased' ? 'erased' : 'past its retention'})`,
  );
}

type KnownStatus = Omit<ReplayStatus, keyof KnownRuns> & KnownRuns;

function statusWords(status: KnownStatus, width: number | undefined): string {
  return [
    ...askedLines(status),
    `filter    ${JSON.stringify(status.filter)}`,
    `runs      ${countsOf(status)}`,
    ...listedLines(status, width),
  ].join('\n');
}
