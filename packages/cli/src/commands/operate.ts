import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseDocument } from '@tenon/document';
import { isObject } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import {
  type DeadLetter,
  type ForwardFix,
  type InDoubtEntry,
  type LedgerEntry,
  type PendingApproval,
  type PersonsWord,
  type RunDetail,
  type RunSummary,
  runStates,
  type StepRecord,
  type StepWait,
} from '@tenon/runtime';
import { type Args, type CommandSpec, type OptionSpec, UsageError } from '../command.ts';
import { readersKeys } from '../data-keys.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { RUNS_LISTED, withLedgerFile } from '../ledger-client.ts';
import { type OperationsClient, OperationsError, operationsClient } from '../operations-client.ts';
import { oneLine, printable } from '../printable.ts';
import { quoted } from '../program.ts';
import { findRoot, readServerConfig } from '../root.ts';
import { roughDuration } from '../rough-duration.ts';
import { renderTable } from '../table.ts';
import { asItHappened } from '../trace-order.ts';
import { heldWords } from './held-words.ts';
import { keepingRun, keepingWords } from './keeping-run.ts';
import {
  cancelCommand,
  doneAdvice,
  isAtUndoing,
  lostChildWords,
  resumeCommand,
  settleCommand,
  stepOf,
  undoingAdvice,
} from './run-words.ts';
import { sayIfUnknown } from './say-if-unknown.ts';
import { readRun, tellRun, tellStep, unreadable } from './tell-run.ts';

export const remote: Readonly<Record<string, OptionSpec>> = {
  url: { type: 'string', value: '<url>', help: 'the Tenon to speak to; default: the one of this workspace' },
  format: { type: 'string', value: '<format>', help: 'output', choices: ['human', 'json'] },
};
/** Of what is printed as a table. */
export const listing: Readonly<Record<string, OptionSpec>> = {
  ...remote,
  wide: { type: 'boolean', help: 'every column whole, however narrow the terminal is; so it is into a pipe' },
};
export const reason: Readonly<Record<string, OptionSpec>> = {
  reason: {
    type: 'string',
    value: '<text>',
    help: 'why; stays in the ledger for ever, in clear: name a ticket rather than a person',
  },
};
export const rate: Readonly<Record<string, OptionSpec>> = {
  rate: { type: 'string', value: '<n>', help: 'runs a second at most; default 10' },
};
export const filters: Readonly<Record<string, OptionSpec>> = {
  pipeline: { type: 'string', value: '<name>', help: 'of this pipeline' },
  key: { type: 'string', value: '<key>', help: 'with this business key' },
  state: { type: 'string', value: '<state>', help: 'in this state', choices: runStates },
};

/** Commands that ask or tell a running Tenon something. */
export const operateCommands: readonly CommandSpec[] = [
  {
    name: 'runs ls',
    summary: 'List runs, the newest first',
    options: {
      ...listing,
      ...filters,
      limit: { type: 'string', value: '<n>', help: 'at most so many; default 50' },
    },
    run: withClient(async (client, args, show, io) => {
      const { runs } = (await client.get('/v1/runs', {
        pipeline: args.text('pipeline'),
        key: args.text('key'),
        state: args.text('state'),
        limit: parseLimit(args.text('limit')),
      })) as { runs: RunSummary[] };
      const code = show(runs, (width) =>
        renderTable(
          [
            'RUN',
            { title: 'PIPELINE', shortens: true },
            { title: 'VERSION', drop: 1 },
            { title: 'KEY', shortens: true },
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
        return show(run, (width) => runWords(run, parked, keeping, held, width));
      }
      // The answer of getPlan, as contracts/operations promises it.
      const plan = (await client.get(`/v1/plans/${encodeURIComponent(run.planHash)}`)) as unknown as Plan;
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
        throw new UsageError('name a run, or give one of --key, --correlation and --system');
      const { entries } = (await client.get('/v1/trace', { runId, key, correlationId, system })) as {
        entries: LedgerEntry[];
      };
      // A run has entries from its beginning on: of one that is not there it is said as `runs show` says it.
      if (entries.length === 0 && runId !== undefined && system === undefined) await readRun(client, runId);
      return show(entries, () => asItHappened(entries).map(entryWords).join('\n'));
    }),
  },
  {
    name: 'runs cancel',
    summary: 'Stop a run and undo what it did',
    positionals: ['<run>'],
    options: { ...remote, ...reason },
    run: withRunning((client, args, _show, io) =>
      tellRun('cancel', args.positionals[0]!, needReason(args), client, args, io),
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
      const result = await givenResult(args, io);
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
  {
    name: 'in-doubt',
    summary: 'Effects whose outcome is not known',
    isList: true,
    options: listing,
    run: withClient(async (client, _args, show, io) => {
      const { inDoubt } = (await client.get('/v1/in-doubt')) as {
        inDoubt: (Omit<InDoubtEntry, 'key'> & Partial<InDoubtEntry>)[];
      };
      return show(inDoubt, (width) =>
        renderTable(
          [
            'RUN',
            { title: 'PIPELINE', shortens: true },
            { title: 'KEY', shortens: true },
            'STEP',
            // What is looked up in the other system.
            { title: 'OPERATION', below: true },
            { title: 'KEY SENT', below: true },
            'FOR',
            { title: 'OWNER', drop: 1 },
          ],
          inDoubt.map((entry) => [
            entry.runId,
            entry.pipeline,
            // Earlier servers do not say it.
            entry.key ?? '',
            entry.stepId,
            entry.operation,
            entry.idempotencyKey ?? 'none',
            roughDuration(io.clock.now() - entry.sinceMs),
            entry.owner,
          ]),
          width,
        ),
      );
    }),
  },
  {
    name: 'in-doubt settle',
    summary: 'Say what became of an effect in doubt',
    positionals: ['<run>', '<step>'],
    options: {
      ...remote,
      ...reason,
      verdict: {
        type: 'string',
        value: '<verdict>',
        help: 'what is true, or to be done',
        choices: ['confirm', 'redo', 'compensate'],
      },
      result: {
        type: 'string',
        value: '<json>',
        help: 'with confirm: the result that the lost answer would have carried, required where the operation gives one; with compensate: that of what is to be undone',
      },
    },
    examples: [
      'tenon in-doubt settle 01j… ticket --verdict confirm --result \'{"id":"T-7"}\' --reason "seen in the ticket list"',
    ],
    run: withRunning(async (client, args, _show, io) => {
      const verdict = args.text('verdict');
      if (verdict === undefined) throw new UsageError('give --verdict confirm, redo or compensate');
      const result = args.text('result');
      if (verdict === 'redo' && result !== undefined)
        throw new UsageError(
          '--verdict redo says that it did not happen, and --result that it did: confirm takes a result, redo sends it again without one',
        );
      const said = {
        verdict,
        reason: needReason(args),
        ...(result !== undefined && { result: parseJson(result, '--result') }),
      };
      const place = placeGiven(args);
      return tellStep(`settled: ${verdict}`, place, client, io, () =>
        client.post(`/v1/in-doubt/${wayOf(place)}`, said),
      );
    }),
  },
  {
    name: 'fixes',
    summary: 'Work that people owe: what could not be undone, and what a list went on without',
    isList: true,
    options: listing,
    run: withClient(async (client, _args, show, io) => {
      const { forwardFixes } = (await client.get('/v1/forward-fixes')) as { forwardFixes: ForwardFix[] };
      return show(forwardFixes, (width) =>
        renderTable(
          [
            'RUN',
            { title: 'PIPELINE', shortens: true },
            { title: 'KEY', shortens: true },
            'STEP',
            'DUE IN',
            { title: 'OWNER', drop: 1 },
            { title: 'TASK', below: true },
            { title: 'BECAUSE', below: true },
          ],
          forwardFixes.map((fix) => [
            fix.runId,
            fix.pipeline,
            fix.key,
            fix.stepId,
            dueIn(fix.dueAtMs - io.clock.now()),
            fix.owner,
            fix.task,
            fix.because,
          ]),
          width,
        ),
      );
    }),
  },
  {
    name: 'fixes close',
    summary: 'Say that such work is done',
    positionals: ['<run>', '<step>'],
    options: { ...remote, ...reason },
    examples: ['tenon fixes close 01j… \'lines[A-7]\' --reason "sent again with the right quantity"'],
    run: withRunning(async (client, args, _show, io) => {
      await client.post(`/v1/forward-fixes/${wayOf(placeGiven(args))}`, { reason: needReason(args) });
      io.err('closed\n');
      return exit.clean;
    }),
  },
  {
    name: 'approvals',
    summary: 'Runs that wait for a decision',
    isList: true,
    options: listing,
    run: withClient(async (client, _args, show, io) => {
      const { approvals } = (await client.get('/v1/approvals')) as { approvals: PendingApproval[] };
      return show(approvals, (width) =>
        renderTable(
          [
            'RUN',
            { title: 'PIPELINE', shortens: true },
            'STEP',
            'BY',
            'EXPIRES IN',
            { title: 'SHOWN', below: true },
          ],
          approvals.map((approval) => [
            approval.runId,
            approval.pipeline,
            approval.stepId,
            approval.by,
            roughDuration(approval.expiresAtMs - io.clock.now()),
            JSON.stringify(approval.show),
          ]),
          width,
        ),
      );
    }),
  },
  decision('approve'),
  decision('reject'),
];

/** `human` is told how wide the terminal is, where it is one that a table is to fit. */
export type Show = (value: unknown, human: (width: number | undefined) => string) => ExitCode;

/** A list that is as long as it may be looks like all there is: beside it, it is said that there may be more. */
export function sayIfCut(
  listed: readonly unknown[],
  listedMax: number,
  which: 'the newest' | 'the oldest',
  args: Args,
  io: Io,
): void {
  const limit = Number(args.text('limit') ?? listedMax);
  if (listed.length < limit) return;
  const more = limit < LIMIT_MAX ? `, --limit shows more, up to ${LIMIT_MAX}` : '';
  io.err(`${which} ${listed.length}; there may be more: filters narrow it down${more}\n`);
}

/** A dry run that names nothing has no table: titles above nothing look like something that was cut off. */
function printed(text: string, io: Io): void {
  if (text !== '') io.out(`${printable(text)}\n`);
}

/** Some commands take `--json` as well. */
export function isJson(args: Args): boolean {
  return args.flag('json') || args.text('format') === 'json';
}

export function tableWidth(args: Args, { width }: Io): number | undefined {
  return args.flag('wide') ? undefined : width;
}

type Act = (client: OperationsClient, args: Args, show: Show, io: Io) => Promise<ExitCode>;

/** Of what a running Tenon is asked, or its database where none answers. */
export function withClient(act: Act): CommandSpec['run'] {
  return (args, io) => acted(act, args, io, true);
}

/** Of what only a running Tenon can do: where none answers that is all there is to say, and what its database holds does not help. */
export function withRunning(act: Act): CommandSpec['run'] {
  return (args, io) => acted(act, args, io, false);
}

async function acted(act: Act, args: Args, given: Io, readsFile: boolean): Promise<ExitCode> {
  // Names, keys and failures in what is said are not ours.
  const io: Io = { ...given, err: (text) => given.err(printable(text)) };
  const root = await findRoot(io.cwd);
  const own = await readServerConfig(root);
  const named = args.text('url') ?? io.env['TENON_URL'];
  const saidBy = args.text('url') !== undefined ? '--url' : named !== undefined ? 'TENON_URL' : own.saidBy;
  const target = { root: root ?? io.cwd, url: named ?? own.url, saidBy };
  const remote = await operationsClient(target, io);
  const file = named === undefined && readsFile ? own.engineFile : undefined;
  const client =
    file === undefined
      ? remote
      : withLedgerFile(
          remote,
          file,
          (text) => io.err(text),
          () => readersKeys(io),
        );
  const show: Show = (value, human) => {
    if (isJson(args)) io.out(`${JSON.stringify(value, null, 2)}\n`);
    else if (Array.isArray(value) && value.length === 0) io.err('none\n');
    else printed(human(tableWidth(args, io)), io);
    return exit.clean;
  };
  try {
    return await act(client, args, show, io);
  } catch (error) {
    if (!(error instanceof OperationsError)) throw error;
    io.err(`${error.message}${noRunWords(error, args.positionals[0])}\n`);
    return error.exitCode;
  }
}

/** What a person at a desk knows of a run is its business key. */
function noRunWords({ code }: OperationsError, asked: string | undefined): string {
  if (code !== 'RUN_NOT_FOUND' || asked === undefined || RUN_ID.test(asked)) return '';
  return `; a run is named by its id: \`tenon runs ls --key ${quoted(asked)}\` lists those of a business key`;
}

/** As `newId` makes them. */
const RUN_ID = /^[0-9a-z]{26}$/;

function decision(verb: 'approve' | 'reject'): CommandSpec {
  return {
    name: `approvals ${verb}`,
    summary: verb === 'approve' ? 'Let a waiting run go on' : 'Turn a waiting run down',
    positionals: ['<run>', '<step>'],
    options: { ...remote, ...reason },
    run: withRunning(async (client, args, _show, io) => {
      const said = { decision: verb, reason: needReason(args) };
      const place = placeGiven(args);
      const done = verb === 'approve' ? 'approved' : 'rejected';
      return tellStep(done, place, client, io, () => client.post(`/v1/approvals/${wayOf(place)}`, said));
    }),
  };
}

interface StepPlace {
  readonly runId: string;
  readonly stepId: string;
}

/** Of a command whose positionals are `<run> <step>`. */
function placeGiven({ positionals: [runId, stepId] }: Args): StepPlace {
  return { runId: runId!, stepId: stepId! };
}

function wayOf({ runId, stepId }: StepPlace): string {
  return `${encodeURIComponent(runId)}/${encodeURIComponent(stepId)}`;
}

export function needReason(args: Args): string {
  const text = args.text('reason');
  if (text === undefined || text.trim() === '')
    throw new UsageError('give --reason, in words: it is kept in the ledger');
  return text;
}

/** `--rate` as the API takes it: nothing where it is not given. */
export function perSecondOf(args: Args): { readonly perSecond?: number } {
  const text = args.text('rate');
  if (text === undefined) return {};
  const perSecond = Number(text);
  if (!(perSecond > 0 && perSecond <= 1_000))
    throw new UsageError('--rate is a number of runs a second, up to 1000');
  return { perSecond };
}

/** What `--result` or `--result-file` gives; nothing where neither is given. */
async function givenResult(args: Args, io: Io): Promise<unknown> {
  const text = args.text('result');
  const file = args.text('result-file');
  if (text !== undefined && file !== undefined)
    throw new UsageError('give --result or --result-file, not both');
  if (text !== undefined) return parseJson(text, '--result');
  if (file === undefined) return undefined;
  const read = await readFile(resolve(io.cwd, file), 'utf8').catch(() => undefined);
  if (read === undefined) throw new UsageError(`--result-file: there is no file ${file} to be read`);
  return parseJson(read, '--result-file');
}

function parseJson(text: string, option: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (text.trim() === '') throw new UsageError(`${option} is empty, which is not JSON`);
    // Why, and where, is looked for only where something is wrong.
    const [fault] = parseDocument(option, text, { format: 'json' }).diagnostics;
    const at = fault?.range?.start;
    const where = at === undefined ? '' : ` at ${at.line}:${at.column}`;
    const why = fault === undefined ? '' : `: ${[fault.message, fault.fix].filter(Boolean).join('; ')}`;
    throw new UsageError(`${option} is not JSON${where}${why}`);
  }
}

const LIMIT_MAX = 1_000;

/** As the API takes it: said here, a mistake is one of the call. */
export function parseLimit(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
    throw new UsageError(`--limit is a whole number from 1 to ${LIMIT_MAX}`);
  return String(limit);
}

export function parseTime(
  text: string | undefined,
  option: string,
  /** What else it may be, in words. */
  orElse: string = '',
): number | undefined {
  if (text === undefined) return undefined;
  const at = Date.parse(text.replace(' ', 'T'));
  // What else `Date.parse` takes is guessed at: `14` is a day in 2001, and a time without a zone one of this machine.
  const [isTime, clock, zone] =
    /^\d{4}-\d{2}-\d{2}(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?)?$/i.exec(text) ?? [];
  if (isTime === undefined || Number.isNaN(at))
    throw new UsageError(`${option} is no time such as 2026-11-21T09:00:00Z${orElse}`);
  if (clock !== undefined && zone === undefined)
    throw new UsageError(`${option} says no zone: ${text}Z is UTC, and another is written ${text}+01:00`);
  return at;
}

/** In UTC, which it says: whoever reads it at night compares it with a clock on the wall, or copies it into `--from`. */
export function time(atMs: number): string {
  return `${new Date(atMs).toISOString().replace('T', ' ').slice(0, 19)}Z`;
}

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

function stateWords(run: RunDetail, parked: DeadLetter | undefined, keeping: RunDetail | undefined): string {
  if (run.state !== 'failed')
    return keeping === undefined ? run.state : `${run.state}: its undoing waits for ${keepingWords(keeping)}`;
  if (parked === undefined) return 'failed: `tenon dead-letters` lists the runs that are parked';
  const lost = lostChildWords(run);
  if (lost !== undefined) return `failed, parked in the queue ${parked.queue}: ${lost}`;
  const resume = `${resumeCommand(run.runId)} once its cause is mended`;
  return isAtUndoing(run)
    ? `failed, its undoing is parked in the queue ${parked.queue}: ${undoingAdvice(run)}`
    : `failed, parked in the queue ${parked.queue}: ${[resume, doneAdvice(run), cancelCommand(run.runId)].filter(Boolean).join(', or ')}`;
}

/** Switches, and the run that goes before it by its order key. */
function keptFromGoing({ heldBy = [], behind }: RunSummary): readonly string[] {
  return behind === undefined ? heldBy : [...heldBy, `run ${behind} before it`];
}

function runWords(
  run: RunDetail,
  parked: DeadLetter | undefined,
  keeping: RunDetail | undefined,
  held: readonly string[],
  width: number | undefined,
): string {
  const lines = [
    `run        ${run.runId}`,
    `pipeline   ${run.pipeline} version ${run.version}, plan ${run.planHash}`,
    `contracts  ${run.contracts.map((contract) => `${contract.name} ${contract.version} ${contract.digest.slice(0, 19)}`).join(', ')}`,
    `key        ${run.key}`,
    `state      ${stateWords(run, parked, keeping)}`,
    `owner      ${run.owner}`,
    `accepted   ${time(run.acceptedAtMs)}`,
    `correlates ${run.correlationId}`,
  ];
  if (run.parent)
    lines.push(`run by     ${run.parent.runId} (${run.parent.pipeline}, step ${run.parent.step})`);
  for (const child of run.children ?? [])
    lines.push(`runs       ${child.runId} (${child.pipeline}, step ${child.step}): ${child.state}`);
  if (run.erased)
    lines.push(
      `erased     ${time(run.erased.atMs)} by ${run.erased.actor}: payload, results and failures are gone; tenon runs trace says why`,
    );
  if (run.isPastRetention)
    lines.push(
      `let go     payload, results and failures are no longer kept (retention; it ended ${time(run.updatedAtMs)}): \`tenon data\` says for how long they are`,
    );
  for (const words of held) lines.push(`held by    ${words}`);
  if (run.behind) lines.push(`behind     ${run.behind}: it has the same order key, and goes before this run`);
  if (run.failure)
    lines.push(
      `failed at  ${run.failure.step}: ${run.failure.class}, ${run.failure.message} (${run.failure.code})`,
    );
  const made = madeWords(run);
  if (made !== undefined) lines.push(`to undo    ${made}`);
  const cause = undoingWords(run);
  if (cause !== undefined) lines.push(`undone as  ${cause}`);
  // Of others that show none they are gone, or cannot be read.
  if (run.steps.length === 0 && run.state === 'accepted') lines.push('steps      none has begun');
  if (run.steps.length === 0) return lines.map(oneLine).join('\n');
  const steps = renderTable(
    [
      'STEP',
      'STATE',
      { title: 'ATTEMPTS', drop: 2 },
      { title: 'IDEMPOTENCY KEY', drop: 1 },
      { title: 'WHY', below: true },
    ],
    run.steps.map((step) => [
      step.id,
      step.state,
      String(step.attempts),
      step.idempotencyKey ?? '',
      stepWords(step, run),
    ]),
    width,
  );
  return `${lines.map(oneLine).join('\n')}\n\n${steps}`;
}

/** So much of a result is shown. */
const MADE_MAX = 400;

/** What whoever undoes by hand looks for in the other system: what the step gave whose undoing is parked. */
function madeWords(run: RunDetail): string | undefined {
  if (run.state !== 'failed' || !isAtUndoing(run)) return undefined;
  const place = stepOf(run)?.slice('compensate:'.length);
  const result = run.steps.find(({ id }) => id === place)?.result;
  if (result === undefined || result === null) return undefined;
  const text = JSON.stringify(result);
  return `${place} gave ${text.length > MADE_MAX ? `${text.slice(0, MADE_MAX)}… (--format json has it whole)` : text}`;
}

/** Why a run is undone, where what it failed at does not say that. */
function undoingWords({ undoing, failure: shown }: RunDetail): string | undefined {
  if (undoing === undefined) return undefined;
  const { because, step, failure, actor, reason } = undoing;
  switch (because) {
    case 'failure':
      if (shown !== undefined && shown.step === step) return undefined;
      return `${step} failed: ${failure?.class}, ${failure?.message} (${failure?.code})`;
    case 'cancelled':
      return `${actor} cancelled it: ${reason}`;
    case 'parent':
      return `the run that started it is undone: ${reason} (${actor})`;
  }
}

/** Who did it in place of the run, why it failed, or what it waits for and how it goes on. */
function stepWords(
  { id, state, byHand, said = [], failure, waitsFor, awaits }: StepRecord,
  run: RunDetail,
): string {
  const { runId } = run;
  const words: string[] = [];
  if (byHand) words.push(`done by hand by ${byHand.actor} at ${time(byHand.atMs)}: ${byHand.reason}`);
  words.push(...said.map(saidWords));
  if (failure) words.push(`${failure.class}: ${failure.message}`);
  if (waitsFor) words.push(`waits: ${waitsFor.message}`);
  if (awaits) words.push(awaitedWords(awaits, `${runId} ${quoted(id)}`));
  if (state === 'inDoubt' && !isGivenUp(id, run))
    words.push(
      `${settleCommand(runId, id)} says what became of it: confirm (with --result '<json>' where it gives something), redo or compensate`,
    );
  if (state === 'givenUp') words.push('whether it happened is not known, and nothing undoes it');
  return words.join('; ');
}

function saidWords({ word, isOfUndoing, actor, reason, atMs }: PersonsWord): string {
  const said = SAID[word][isOfUndoing ? 'ofUndoing' : 'own'];
  return `${said} by ${actor} at ${time(atMs)}: ${reason}`;
}

/** What a person said of a step, and the same of its undoing. */
const SAID: Readonly<Record<PersonsWord['word'], { readonly own: string; readonly ofUndoing: string }>> = {
  confirm: { own: 'said to have happened', ofUndoing: 'said to be undone' },
  redo: {
    own: 'said not to have happened, and sent again,',
    ofUndoing: 'said not to be undone, and tried again,',
  },
  compensate: { own: 'given up', ofUndoing: 'its undoing given up' },
  approve: { own: 'approved', ofUndoing: 'its undoing approved' },
  reject: { own: 'rejected', ofUndoing: 'its undoing rejected' },
  undone: { own: 'undone by hand', ofUndoing: 'undone by hand' },
};

/** As earlier servers show what was given up: in doubt for good, with nothing to settle. */
function isGivenUp(id: string, { state }: RunDetail): boolean {
  switch (state) {
    case 'succeeded':
    case 'compensated':
    case 'cancelled':
      return true;
    case 'compensating':
      return !id.startsWith('compensate:');
    default:
      return false;
  }
}

/** `place`: the run and the step, as commands name them. */
function awaitedWords(awaits: StepWait, place: string): string {
  switch (awaits.for) {
    case 'approval':
      return `waits for ${awaits.by} to approve${until(awaits.expiresAtMs)}: \`tenon approvals approve ${place} --reason …\`, or reject`;
    case 'event':
      return `waits for the event ${awaits.event}${until(awaits.expiresAtMs)}`;
    case 'time':
      return awaits.untilMs === undefined ? 'waits for a time' : `waits${until(awaits.untilMs)}`;
    case 'run':
      return `waits for run ${awaits.runId} (${awaits.pipeline})`;
  }
}

function until(atMs: number | undefined): string {
  return atMs === undefined ? '' : ` until ${time(atMs)}`;
}

function entryWords(entry: LedgerEntry): string {
  const details = Object.entries(isObject(entry.details) ? entry.details : {})
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  const step =
    entry.step === undefined ? '' : ` ${entry.step}${entry.attempt === undefined ? '' : `#${entry.attempt}`}`;
  return oneLine(`${new Date(entry.at).toISOString()}  ${entry.kind}${step}  ${details}`).trimEnd();
}

function dueIn(restMs: number): string {
  return restMs < 0 ? `overdue by ${roughDuration(-restMs)}` : roughDuration(restMs);
}
