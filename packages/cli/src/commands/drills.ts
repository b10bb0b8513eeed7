import type { Json } from '@tenon/model';
import type {
  DrillKind,
  DrillReport,
  DrillResult,
  DrillSubject,
  DrillVerdict,
  DueDrill,
  LiveDrillRequest,
} from '@tenon/runtime';
import { type Args, type CommandSpec, type OptionSpec, UsageError } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { renderTable } from '../text/table.ts';
import { parseTime, time } from '../text/utc-time.ts';
import { givenJson } from './given-json.ts';
import { durationOf, heldDrill } from './live-drill.ts';
import { filters, listing, needReason, reason, remote } from './operator-options.ts';
import { drillRestore, needOwnDrill } from './restore-drill.ts';
import { sayDone, withRunning } from './with-client.ts';

/** By the word of the command line. */
const KINDS: Readonly<Record<string, DrillKind>> = {
  'kill-switch': 'killSwitch',
  flag: 'flag',
  rotation: 'rotation',
  replay: 'replay',
  restore: 'restore',
  walkthrough: 'walkthrough',
};
const VERDICTS: readonly DrillVerdict[] = ['passed', 'failed', 'inconclusive'];

const of: Readonly<Record<string, OptionSpec>> = {
  pipeline: { type: 'string', value: '<name>', help: 'of this pipeline' },
  connection: { type: 'string', value: '<name>', help: 'a rotation: of this connection' },
};

/** Drills where a Tenon runs: what was held, and what is due. */
export const drillsCommands: readonly CommandSpec[] = [
  {
    name: 'drill ls',
    summary: 'What is to be drilled where it runs, when it was last, and what is overdue (exit code 3)',
    options: {
      ...listing,
      pipeline: filters['pipeline']!,
      results: { type: 'boolean', help: 'the last results instead, each with who did it and why' },
    },
    examples: ['tenon drill ls', 'tenon drill ls --pipeline order-paid --format json'],
    run: withRunning(async (client, args, show, io) => {
      // The shape that contracts/operations promises.
      const report = (await client.get('/v1/drills')) as unknown as DrillReport;
      const pipeline = args.text('pipeline');
      const isAsked = (one: DrillSubject): boolean => pipeline === undefined || one.pipeline === pipeline;
      const due = report.due.filter(isAsked);
      const results = report.results.filter((one) => isAsked(one) || due.some((owed) => isOf(one, owed)));
      const { atMs, underWay } = report;
      if (underWay !== undefined)
        io.err(
          `${subjectWords(underWay)} is under way (${underWay.id}, of ${underWay.actor}): ${underWay.phase}\n`,
        );
      const shown = { atMs, due, results, ...(underWay !== undefined && { underWay }) };
      if (args.flag('results')) show(results, (width) => resultTable(results, width));
      else if (args.text('format') !== 'json' && due.length === 0) show([], () => '');
      else show(shown, (width) => dueTable(due, width));
      return due.some(({ isOverdue }) => isOverdue) ? exit.findings : exit.clean;
    }),
  },
  {
    name: 'drill live',
    summary: 'Hold a drill where a Tenon runs, measure it, judge it, and enter the result in the ledger',
    positionals: ['<kind>'],
    options: {
      ...remote,
      ...reason,
      ...of,
      hold: {
        type: 'string',
        value: '<duration>',
        help: 'a kill switch: how long it is thrown; default 10s, from 3s to 5m',
      },
      settle: {
        type: 'string',
        value: '<duration>',
        help: 'a kill switch: how long what had waited may take to go on; default 1m',
      },
      event: {
        type: 'string',
        value: '<json>',
        help: 'a flag, or a kill switch: brought in by the drill, as an event that the pipeline starts with: what it starts is done, so let it be of a test account',
      },
      'event-file': { type: 'string', value: '<file>', help: 'the same, from a file' },
      over: {
        type: 'string',
        value: '<connection>',
        help: 'the connection over which that event is said to come',
      },
      from: {
        type: 'string',
        value: '<time>',
        help: 'a replay: of runs from then on; default: a day before --to',
      },
      to: { type: 'string', value: '<time>', help: 'a replay: and until then; default: now' },
      apply: {
        type: 'boolean',
        help: 'a replay: replay what has succeeded as well, which is to send nothing; without it a dry run',
      },
      wait: {
        type: 'string',
        value: '<duration>',
        help: 'a rotation: how long the new credential may take to be put in place; default 5m, at most 1h',
      },
      watch: {
        type: 'string',
        value: '<duration>',
        help: 'a rotation: how long calls are watched after that; default 75s, at most 10m',
      },
      scratch: {
        type: 'string',
        value: '<folder>',
        help: 'a restore: where the copy is made, which is gone afterwards; default: the folder for temporary files',
      },
    },
    examples: [
      'tenon drill live restore --reason "every night"',
      'tenon drill live replay --pipeline order-paid --reason "every night"',
      'tenon drill live rotation --connection billing --wait 10m --reason "ticket 4711"',
      'tenon drill live kill-switch --pipeline order-paid --event-file test-order.json --reason "ticket 4711"',
    ],
    run: withRunning(async (client, args, _show, io) => {
      const why = needReason(args);
      const word = args.positionals[0]!;
      if (!LIVE.includes(word))
        throw new UsageError(
          'argument-unknown',
          `there is no live drill ${word}; there are: ${LIVE.join(', ')}`,
        );
      if (word !== 'restore')
        return told(await heldDrill(client, await liveRequest(args, io), why, io), args, io);
      // Before the work: a Tenon that does not answer could not be told of it.
      await client.get('/v1/drills');
      const drill = await drillRestore(args, io);
      // The shape that contracts/operations promises.
      const made = (await client.post('/v1/drills', { drill, reason: why })) as unknown as DrillResult;
      await needOwnDrill(made, io);
      return told(made, args, io);
    }),
  },
  {
    name: 'drill stop',
    summary: 'End a drill that is under way before its time: what it has switched is lifted at once',
    positionals: ['<drill>'],
    options: { ...remote, ...reason },
    run: withRunning(async (client, args, _show, io) => {
      const id = args.positionals[0]!;
      await client.post(`/v1/drills/${encodeURIComponent(id)}/stop`, { reason: needReason(args) });
      sayDone(
        { id, stopped: true },
        `${id} is stopped; \`tenon drill ls --results\` has its result`,
        args,
        io,
      );
      return exit.clean;
    }),
  },
  {
    name: 'drill record',
    summary: 'Enter in the ledger what came of a drill that people held',
    positionals: ['<kind>'],
    options: {
      ...remote,
      ...reason,
      ...of,
      verdict: { type: 'string', value: '<verdict>', help: 'what came of it', choices: VERDICTS },
      people: {
        type: 'string',
        multiple: true,
        value: '<team>',
        help: 'who took part; more than once. Stays for ever, in clear: teams and roles rather than names',
      },
      finding: {
        type: 'string',
        multiple: true,
        value: '<text>',
        help: 'what did not go as it should; more than once. Stays for ever, in clear',
      },
      at: { type: 'string', value: '<time>', help: 'when it ended: RFC 3339; default: now' },
    },
    examples: [
      'tenon drill record walkthrough --pipeline order-paid --verdict passed --people fulfilment --people platform --reason "ticket 4711"',
      'tenon drill record walkthrough --pipeline order-paid --verdict failed --finding "nobody could log in to billing at night" --reason "ticket 4712"',
    ],
    run: withRunning(async (client, args, _show, io) => {
      const verdict = args.text('verdict');
      if (verdict === undefined)
        throw new UsageError('argument-missing', `give --verdict: ${VERDICTS.join(', ')}`);
      const endedAtMs = parseTime(args.text('at'), '--at');
      const drill = {
        ...subjectOf(args),
        verdict,
        ...(endedAtMs !== undefined && { endedAtMs }),
        ...(args.texts('finding').length > 0 && { findings: args.texts('finding') }),
        ...(args.texts('people').length > 0 && { people: args.texts('people') }),
      };
      const entered = await client.post('/v1/drills', { drill, reason: needReason(args) });
      // The shape that contracts/operations promises.
      const made = entered as unknown as DrillResult;
      sayDone(made, `${subjectWords(made)} of ${time(made.endedAtMs)} is entered: ${made.verdict}`, args, io);
      return exit.clean;
    }),
  },
];

const LIVE: readonly string[] = Object.keys(KINDS).filter((word) => word !== 'walkthrough');

const DAY_MS = 86_400_000;

/** What the runtime is asked to hold. */
async function liveRequest(args: Args, io: Io): Promise<LiveDrillRequest> {
  const { kind, pipeline, connection: rotated } = subjectOf(args);
  // JSON, whatever it is: the contract of the event says what it must be.
  const payload = (await givenJson('event', args, io)) as Json | undefined;
  const connection = args.text('over');
  const trial =
    payload === undefined ? undefined : { payload, ...(connection !== undefined && { connection }) };
  if (kind === 'rotation' && rotated !== undefined) {
    const [waitMs, watchMs] = [durationOf(args, 'wait'), durationOf(args, 'watch')];
    return {
      kind,
      connection: rotated,
      ...(waitMs !== undefined && { waitMs }),
      ...(watchMs !== undefined && { watchMs }),
    };
  }
  if (pipeline === undefined) throw new Error(`${kind} is of no pipeline`);
  if (kind === 'replay') {
    const toMs = parseTime(args.text('to'), '--to') ?? io.clock.now();
    const fromMs = parseTime(args.text('from'), '--from') ?? toMs - DAY_MS;
    return { kind, pipeline, fromMs, toMs, ...(args.flag('apply') && { apply: true }) };
  }
  if (kind === 'flag') {
    if (trial === undefined)
      throw new UsageError(
        'argument-missing',
        'a drill flag brings an event in: give --event or --event-file, with a business key of its own',
      );
    return { kind, pipeline, trial };
  }
  if (kind !== 'killSwitch') throw new Error(`${kind} is held otherwise`);
  const [holdMs, settleMs] = [durationOf(args, 'hold'), durationOf(args, 'settle')];
  return {
    kind,
    pipeline,
    ...(holdMs !== undefined && { holdMs }),
    ...(settleMs !== undefined && { settleMs }),
    ...(trial !== undefined && { trial }),
  };
}

/** The verdict is the exit code: 3 where it has failed, 6 where nothing could be told by it. */
function told(drill: DrillResult, args: Args, io: Io): ExitCode {
  const figures = figureWords(drill);
  const words = [
    `${subjectWords(drill)}: ${drill.verdict}${figures === '' ? '' : ` (${figures})`}`,
    ...drill.findings.map((finding) => `  ${finding}`),
  ];
  sayDone(drill, words.join('\n'), args, io);
  return EXITS[drill.verdict];
}

const EXITS: Readonly<Record<DrillVerdict, ExitCode>> = {
  passed: exit.clean,
  failed: exit.findings,
  inconclusive: exit.partlyDone,
};

function figureWords({ figures }: DrillResult): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** What a drill is of, as the command line says it. */
function subjectOf(args: Args): DrillSubject {
  const word = args.positionals[0]!;
  const kind = Object.hasOwn(KINDS, word) ? KINDS[word] : undefined;
  if (kind === undefined)
    throw new UsageError(
      'argument-unknown',
      `there is no drill ${word}; there are: ${Object.keys(KINDS).join(', ')}`,
    );
  const [pipeline, connection] = [args.text('pipeline'), args.text('connection')];
  const needed = kind === 'restore' ? undefined : kind === 'rotation' ? 'connection' : 'pipeline';
  if (needed !== undefined && args.text(needed) === undefined)
    throw new UsageError('argument-missing', `a drill ${word} is of a ${needed}: give --${needed}`);
  return {
    kind,
    ...(pipeline !== undefined && { pipeline }),
    ...(connection !== undefined && { connection }),
  };
}

function isOf(result: DrillSubject, { kind, connection, pipeline }: DueDrill): boolean {
  if (result.kind !== kind || result.connection !== connection) return false;
  return result.pipeline === undefined || result.pipeline === pipeline;
}

function dueTable(due: readonly DueDrill[], width: number | undefined): string {
  return renderTable(
    [{ title: 'PIPELINE', shortens: true }, 'DRILL', 'LAST', { title: 'BY', drop: 1 }, 'DUE', ''],
    due.map((drill) => [
      drill.pipeline,
      kindWords(drill),
      drill.last === undefined ? 'never' : `${drill.last.verdict} ${time(drill.last.endedAtMs)}`,
      drill.last?.actor ?? '',
      time(drill.dueAtMs),
      drill.isOverdue ? 'OVERDUE' : '',
    ]),
    width,
  );
}

function resultTable(results: readonly DrillResult[], width: number | undefined): string {
  return renderTable(
    [
      'ENDED',
      'DRILL',
      { title: 'PIPELINE', shortens: true },
      'VERDICT',
      { title: 'FIGURES', drop: 1 },
      'BY',
      { title: 'REASON', below: true },
      { title: 'FINDINGS', below: true },
    ],
    results.map((one) => [
      time(one.endedAtMs),
      kindWords(one),
      one.pipeline ?? '',
      one.verdict,
      figureWords(one),
      `${one.actor}${one.judgedBy === 'runtime' ? '' : ` (${one.judgedBy})`}`,
      one.reason,
      one.findings.join('; '),
    ]),
    width,
  );
}

function subjectWords(subject: DrillSubject): string {
  return `${kindWords(subject)}${subject.pipeline === undefined ? '' : ` of ${subject.pipeline}`}`;
}

function kindWords({ kind, connection }: DrillSubject): string {
  const word = Object.entries(KINDS).find(([, one]) => one === kind)?.[0] ?? kind;
  return connection === undefined ? word : `${word} of ${connection}`;
}
