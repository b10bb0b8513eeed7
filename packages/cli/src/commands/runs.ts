import { isObject } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import type { DeadLetter, LedgerEntry, RunDetail, RunSummary } from '@tenon/runtime';
import { RUNS_LISTED } from '../client/ledger-client.ts';
import type { OperationsClient } from '../client/operations-client.ts';
import { asItHappened } from '../client/trace-order.ts';
import { type CommandSpec, UsageError } from '../command.ts';
import { exit } from '../exit.ts';
import { oneLine } from '../text/printable.ts';
import { renderTable } from '../text/table.ts';
import { time } from '../text/utc-time.ts';
import { cancelMany } from './cancel-many.ts';
import { connectionColumn } from './connection-column.ts';
import { deliveredWords } from './delivered-words.ts';
import { givenJson } from './given-json.ts';
import { heldWords } from './held-words.ts';
import { keepingRun } from './keeping-run.ts';
import {
  filters,
  listing,
  needReason,
  parseLimit,
  pinned,
  planFilter,
  reason,
  remote,
} from './operator-options.ts';
import { readRun, unreadable } from './read-run.ts';
import { runPage } from './run-page.ts';
import { sayIfCut } from './say-if-cut.ts';
import { sayIfUnknown } from './say-if-unknown.ts';
import { tellRun } from './tell-run.ts';
import { isJson, sayDone, withClient, withRunning } from './with-client.ts';

/** What runs there are, how each stands, and a person's word on one. */
export const runsCommands: readonly CommandSpec[] = [
  {
    name: 'runs ls',
    summary: 'List runs, the newest first',
    options: {
      ...listing,
      ...filters,
      ...pinned,
      open: { type: 'boolean', help: 'that have not ended: those that are parked or wait for a person too' },
      limit: { type: 'string', value: '<n>', help: 'at most so many; default 50' },
    },
    run: withClient(async (client, args, show, io) => {
      const { version, ...plan } = planFilter(args);
      const { runs } = (await client.get('/v1/runs', {
        ...plan,
        version: version?.toString(),
        open: args.flag('open') ? 'true' : undefined,
        key: args.text('key'),
        orderKey: args.text('order-key'),
        connection: args.text('connection'),
        state: args.text('state'),
        limit: parseLimit(args.text('limit')),
      })) as { runs: RunSummary[] };
      const connection = connectionColumn(runs, { drop: 4 });
      const code = show(runs, (width) =>
        renderTable(
          [
            'RUN',
            { title: 'PIPELINE', shortens: true },
            { title: 'VERSION', drop: 1 },
            { title: 'KEY', shortens: true },
            ...connection.titles,
            'STATE',
            'STEP',
            { title: 'ACCEPTED', drop: 3 },
            { title: 'OWNER', drop: 2 },
            { title: 'HELD BY', below: true },
          ],
          runs.map((run) => [
            run.runId,
            run.pipeline,
            String(run.version),
            run.key,
            ...connection.cell(run),
            run.state,
            run.step ?? '',
            time(run.acceptedAtMs),
            run.owner,
            keptFromGoing(run).join(', '),
          ]),
          width,
        ),
      );
      sayIfCut(runs, RUNS_LISTED, 'the newest', args, io);
      await sayIfUnknown(runs, client, args, io);
      return code;
    }),
  },
  {
    name: 'runs show',
    summary: 'One run with its steps',
    positionals: ['<run>'],
    options: {
      ...listing,
      source: { type: 'boolean', help: 'the pipeline’s text as it was when the run began' },
    },
    run: withClient(async (client, args, show, io) => {
      const run = await readRun(client, args.positionals[0]!);
      if (!args.flag('source')) {
        const parked = run.state === 'failed' ? await letterOf(run, client).catch(unreadable) : undefined;
        const keeping = await keepingRun(run, (below) => readRun(client, below)).catch(unreadable);
        const held = await heldWords(run, client, io.clock.now());
        return show(run, (width) => runPage(run, parked, keeping, held, width));
      }
      // The answer of getPlan, as contracts/operations promises it.
      const plan = (await client.get(`/v1/plans/${encodeURIComponent(run.planHash)}`)) as unknown as Plan;
      if (isJson(args)) return show(plan.source, () => '');
      io.out(plan.source.text);
      return exit.clean;
    }),
  },
  {
    name: 'runs trace',
    summary: 'Everything the ledger holds on a run, or on a business key, in order',
    positionals: ['[run]'],
    options: {
      ...remote,
      key: filters['key']!,
      correlation: { type: 'string', value: '<id>', help: 'with this correlation id' },
      system: { type: 'boolean', help: 'entries of no run: switches, alarms, events that started none' },
    },
    run: withClient(async (client, args, show) => {
      const runId = args.positionals[0];
      const key = args.text('key');
      const correlationId = args.text('correlation');
      const system = args.flag('system') ? 'true' : undefined;
      const given = [runId, key, correlationId, system].filter((one) => one !== undefined);
      if (given.length !== 1)
        throw new UsageError(
          given.length === 0 ? 'argument-missing' : 'arguments-contradict',
          'name a run, or give one of --key, --correlation and --system',
        );
      const { entries } = (await client.get('/v1/trace', { runId, key, correlationId, system })) as {
        entries: LedgerEntry[];
      };
      // A run has entries from its beginning on: of one that is not there it is said as `runs show` says it.
      if (entries.length === 0 && runId !== undefined && system === undefined) await readRun(client, runId);
      return show(entries, () => asItHappened(entries).map(entryWords).join('\n'));
    }),
  },
  {
    name: 'runs start',
    summary: 'Start a pipeline whose trigger is manual',
    positionals: ['<pipeline>'],
    options: {
      ...remote,
      input: { type: 'string', value: '<json>', help: 'what the trigger’s `input` asks for; default: {}' },
      'input-file': { type: 'string', value: '<file>', help: 'the same, from a file' },
    },
    examples: ['tenon runs start count-stock --input \'{"warehouse":"north"}\''],
    run: withRunning(async (client, args, _show, io) => {
      const input = (await givenJson('input', args, io)) ?? {};
      const pipeline = encodeURIComponent(args.positionals[0]!);
      const answer = await client.post(`/v1/pipelines/${pipeline}/runs`, { input });
      sayDone(answer, deliveredWords(JSON.stringify(answer)).join('\n'), args, io);
      return exit.clean;
    }),
  },
  {
    name: 'runs cancel',
    summary: 'Stop a run and undo what it did. Several: a dry run with a token, then --apply',
    positionals: ['[run]'],
    options: {
      ...listing,
      ...reason,
      ...filters,
      ...pinned,
      apply: {
        type: 'string',
        value: '<token>',
        help: 'cancel exactly the runs that the dry run with this token named',
      },
    },
    examples: [
      'tenon runs cancel 01j… --reason "ordered by mistake"',
      'tenon runs cancel --pipeline order-paid --version 7 --reason "charges in cents"',
      'tenon runs cancel --apply 01j… --reason "looked through the list"',
    ],
    run: withRunning(
      async (client, args, show, io) =>
        (await cancelMany(client, args, show, io)) ??
        tellRun('cancel', args.positionals[0]!, needReason(args), client, args, io),
    ),
  },
  {
    name: 'runs close',
    summary: 'Accept a parked run as it stands: nothing more is done, and nothing is undone',
    positionals: ['<run>'],
    options: { ...remote, ...reason },
    examples: ['tenon runs close 01j… --reason "checked with the warehouse, it is right so, ticket 4711"'],
    run: withRunning((client, args, _show, io) =>
      tellRun('close', args.positionals[0]!, needReason(args), client, args, io),
    ),
  },
  {
    name: 'runs done',
    summary: 'Say that the effect that a run is parked at was done by hand: the run goes on with its result',
    positionals: ['<run>', '<step>'],
    options: {
      ...remote,
      ...reason,
      result: {
        type: 'string',
        value: '<json>',
        help: 'what the operation would have answered; required where it gives something',
      },
      'result-file': { type: 'string', value: '<file>', help: 'the same, from a file' },
    },
    examples: [
      'tenon runs done 01j… \'lines[A-7].book\' --result \'{"id":"B-7"}\' --reason "booked at their desk, ticket 4711"',
    ],
    run: withRunning(async (client, args, _show, io) => {
      const [runId, step] = args.positionals;
      const why = needReason(args);
      const result = await givenJson('result', args, io);
      const more = { step: step!, ...(result !== undefined && { result }) };
      return tellRun('done', runId!, why, client, args, io, more);
    }),
  },
  {
    name: 'runs undone',
    summary: 'Say that what a run is parked at undoing was undone by hand: what is left is undone',
    positionals: ['<run>', '<step>'],
    options: { ...remote, ...reason },
    examples: ['tenon runs undone 01j… reserve --reason "released by the warehouse, ticket 4711"'],
    run: withRunning((client, args, _show, io) => {
      const [runId, place] = args.positionals;
      const step = place!.startsWith('compensate:') ? place! : `compensate:${place}`;
      return tellRun('undone', runId!, needReason(args), client, args, io, { step });
    }),
  },
];

/** The dead letter of a run that failed, if it is among those that are listed. */
async function letterOf(
  { runId, pipeline, failure }: RunDetail,
  client: OperationsClient,
): Promise<DeadLetter | undefined> {
  // The shape that contracts/operations promises.
  const { deadLetters } = (await client.get('/v1/dead-letters', {
    pipeline,
    failureClass: failure?.class,
  })) as { deadLetters: DeadLetter[] };
  return deadLetters.find((letter) => letter.runId === runId);
}

/** Switches, and the run that goes before it by its order key. */
function keptFromGoing({ heldBy = [], behind }: RunSummary): readonly string[] {
  return behind === undefined ? heldBy : [...heldBy, `run ${behind} before it`];
}

function entryWords(entry: LedgerEntry): string {
  const details = Object.entries(isObject(entry.details) ? entry.details : {})
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  const step =
    entry.step === undefined ? '' : ` ${entry.step}${entry.attempt === undefined ? '' : `#${entry.attempt}`}`;
  return oneLine(`${new Date(entry.at).toISOString()}  ${entry.kind}${step}  ${details}`).trimEnd();
}
