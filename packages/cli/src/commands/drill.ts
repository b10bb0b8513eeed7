import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { compareDiagnostics, hasErrors } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import {
  type DrillReport,
  type DrillSource,
  drill,
  drillFindings,
  readStart,
  type Start,
} from '@tenon/testkit/drill';
import { parseDocument } from 'yaml';
import { type Args, type CommandSpec, UsageError } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { asDocument } from '../json-answer.ts';
import { renderDrill } from '../render/drill.ts';
import { renderDrillJunit } from '../render/drill-junit.ts';
import { plural } from '../render/index.ts';
import { loadConnectorCode } from '../serve/connector-code.ts';
import {
  exitCodeOf,
  formatOption,
  isForPeople,
  openSession,
  printReport,
  type Session,
} from '../workspace/session.ts';

/** `tenon drill`: every way in which a run may fail, tried before the first one does. */
export const drillCommand: CommandSpec = {
  name: 'drill',
  summary:
    'Try each way in which a pipeline’s runs may fail, in a simulation, and hold what comes of it to what is promised',
  positionals: ['[pipeline...]'],
  options: {
    ...formatOption,
    start: {
      type: 'string',
      value: '<file>',
      help: 'YAML or JSON: the `event` that a run begins with, the `connection` over which it comes, `rows` that the systems hold, by connection and resource, and `signals`: what awaited events bring, by step; of one pipeline. Default: made up from the contracts so that a run succeeds',
    },
    only: { type: 'string', value: '<text>', help: 'only the ways of which the name holds this' },
    seed: { type: 'string', value: '<n>', help: 'of what is made up: same seed, same drill; default 1' },
    all: { type: 'boolean', help: 'list every run, and every way that comes to a person' },
  },
  examples: [
    'tenon drill',
    'tenon drill subscription-upgraded --all',
    'tenon drill subscription-upgraded --only "the answer is lost"',
    'tenon drill subscription-upgraded --start upgrade.yaml --format sarif > drill.sarif',
  ],
  run: async (args, io) => {
    const session = await openSession(io);
    if (!('workspace' in session) || hasErrors(session.diagnostics)) {
      await printReport({ diagnostics: session.diagnostics, checked: {} }, session.root, args, io);
      return exitCodeOf(session.diagnostics);
    }
    return drillAll(session, args, io);
  },
};

async function drillAll(session: Session, args: Args, io: Io): Promise<ExitCode> {
  const { root, check } = session;
  const plans = plansOf(session, args);
  const only = onlyOf(args);
  const reports = await reportsOf(session, plans, only, args, io);
  const notTried = only === undefined ? [] : reports.filter(isNotTried);
  if (notTried.length > 0 && notTried.length === reports.length)
    throw new UsageError('argument-unknown', `--only: ${noWayWords(notTried, only!)}; --all lists them`);
  if (isForPeople(args) && notTried.length > 0) io.out(`${noWayWords(notTried, only!)}\n`);
  const notBegun = plans.slice(reports.length).map(({ pipeline }) => pipeline);
  const diagnostics = reports
    .flatMap((report) => drillFindings(report, check.plans.get(report.pipeline)!))
    .sort(compareDiagnostics);
  const runs = reports.reduce((sum, { trials }) => sum + trials.length, 0);
  const format = args.text('format');
  if (format === 'json') io.out(asDocument({ runs, findings: diagnostics, pipelines: reports, notBegun }));
  else if (format === 'junit') io.out(renderDrillJunit(reports, check.plans, notBegun));
  else if (!isForPeople(args) || diagnostics.length > 0)
    await printReport({ diagnostics, checked: { pipelines: reports.length, runs } }, root, args, io);
  else io.out(`${plural(reports.length, 'pipelines')}, ${plural(runs, 'runs')}: no findings\n`);
  const cut = reports.filter(({ isCut }) => isCut).map(({ pipeline }) => pipeline);
  const isWhole = cut.length === 0 && notBegun.length === 0;
  if (!isWhole) io.err(`interrupted: ${interruptedWords(cut, notBegun)}\n`);
  if (hasErrors(diagnostics)) return exit.findings;
  return isWhole ? exit.clean : exit.failed;
}

async function reportsOf(
  session: Session,
  plans: readonly Plan[],
  only: string | undefined,
  args: Args,
  io: Io,
): Promise<readonly DrillReport[]> {
  const { workspace, check } = session;
  const source: DrillSource = { workspace, plans: check.plans, code: await loadConnectorCode(session) };
  const start = await startGiven(source, plans, args, io);
  // Each run has a folder of its own in memory, which a process that is ended at once would leave there.
  const stop = new AbortController();
  void io.interrupted().then(() => stop.abort());
  const reports: DrillReport[] = [];
  for (const plan of plans) {
    if (stop.signal.aborted) break;
    const report = await drill(source, plan, {
      signal: stop.signal,
      seed: seedOf(args),
      ...(only !== undefined && { only }),
      ...(start && { start }),
    });
    reports.push(report);
    if (isForPeople(args) && !isNotTried(report)) io.out(renderDrill(report, args.flag('all')));
  }
  return reports;
}

/** Runs end well, and in no way that was wanted does one fail. */
function isNotTried({ trials, failed, isCut }: DrillReport): boolean {
  return trials.length === 0 && failed === undefined && isCut !== true;
}

function noWayWords(reports: readonly DrillReport[], only: string): string {
  const names = reports.map(({ pipeline }) => pipeline).join(', ');
  return `no way of ${names} has "${only}" in its name`;
}

function interruptedWords(cut: readonly string[], notBegun: readonly string[]): string {
  return [
    ...(cut.length > 0 ? [`not all of ${cut.join(', ')} was tried`] : []),
    ...(notBegun.length > 0 ? [`nothing of ${notBegun.join(', ')}`] : []),
  ].join(', ');
}

function onlyOf(args: Args): string | undefined {
  const only = args.text('only');
  if (only === undefined || only.trim() !== '') return only;
  throw new UsageError(
    'argument-invalid',
    '--only: expected a part of the name of a way, such as "the answer is lost"; leave it out for all of them',
  );
}

function plansOf({ check }: Session, args: Args): readonly Plan[] {
  const wanted = args.positionals;
  if (wanted.length === 0) return [...check.plans.values()];
  return wanted.map((name) => {
    const plan = check.plans.get(name);
    if (plan !== undefined) return plan;
    const known = [...check.plans.keys()].join(', ') || 'none';
    throw new UsageError('argument-unknown', `there is no pipeline ${name}; there are: ${known}`);
  });
}

function seedOf(args: Args): number {
  const text = args.text('seed');
  if (text === undefined) return 1;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(
    'argument-invalid',
    `--seed: expected a whole number of nine digits at most, and not ${text}`,
  );
}

async function startGiven(
  source: DrillSource,
  plans: readonly Plan[],
  args: Args,
  io: Io,
): Promise<Start | undefined> {
  const named = args.text('start');
  if (named === undefined) return undefined;
  const [plan, ...others] = plans;
  if (plan === undefined || others.length > 0)
    throw new UsageError('arguments-contradict', '--start is for one pipeline: name it');
  const file = resolve(io.cwd, named);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined)
    throw new UsageError('argument-unknown', `--start: there is no readable file ${file}`);
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem) throw new UsageError('argument-invalid', `--start: ${file}: ${problem.message}`);
  // As JSON: YAML has values that no event could hold, and names of values that grow without end.
  let given: unknown;
  try {
    given = JSON.parse(JSON.stringify(document.toJS() ?? null));
  } catch {
    throw new UsageError(
      'argument-invalid',
      `--start: ${file}: its aliases (*) cannot be followed: write the values out`,
    );
  }
  const start = readStart(given, plan, source);
  if (typeof start === 'string') throw new UsageError('argument-invalid', `--start: ${file}: ${start}`);
  return start;
}
