import { compareText, type Json, sleep } from '@tenon/model';
import type {
  ReconciliationReport,
  ReconciliationState,
  RepairReport,
  RepairStatus,
  ReportedDifference,
} from '@tenon/runtime';
import type { OperationsClient } from '../client/operations-client.ts';
import type { Args, CommandSpec, OptionSpec } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import { plural } from '../render/index.ts';
import { roughDuration } from '../text/rough-duration.ts';
import { renderTable } from '../text/table.ts';
import { time } from '../text/utc-time.ts';
import { applyFrozen, askedLines, showFrozen } from './frozen-set.ts';
import { listing, needReason, parseLimit, rate, reason, remote } from './operator-options.ts';
import { unreadable } from './read-run.ts';
import { countsOf, type KnownRuns, listedLines } from './replayed-runs.ts';
import { sayIfCut } from './say-if-cut.ts';
import { sayIfStale } from './say-if-stale.ts';
import { sayIfNotCompared } from './say-if-unknown.ts';
import { isJson, type Show, withClient } from './with-client.ts';

/** How often a report under way is looked at. */
const LOOK_MS = 300;
const PAGE = 1_000;
/** Differences that people are shown; machines get all. */
const SHOWN = 50;
/** What the API lists where no `--limit` is given. */
const REPORTS_LISTED = 50;

const output: Readonly<Record<string, OptionSpec>> = {
  ...listing,
  json: { type: 'boolean', help: 'the same as --format json' },
};

/** Two systems that should hold the same: compare them, look at what differs, and mend it. */
export const reconcileCommands: readonly CommandSpec[] = [
  {
    name: 'reconcile',
    summary: 'Compare two systems now, and say what differs',
    positionals: ['<reconciliation>'],
    options: {
      ...output,
      ...reason,
      'dry-run': {
        type: 'boolean',
        help: 'raise no alarm, and stand for nothing in the flow and the metrics',
      },
    },
    examples: [
      'tenon reconcile invoices-agree --reason "before the month is closed"',
      'tenon reconcile repair 01j… --reason "their outage is over"',
      'tenon reconcile apply 01j… --reason "looked through the list"',
    ],
    run: withClient(async (client, args, show, io) => {
      const name = args.positionals[0]!;
      const { report } = (await client.post(`/v1/reconciliations/${encodeURIComponent(name)}/reports`, {
        reason: needReason(args),
        dryRun: args.flag('dry-run'),
      })) as { report: string };
      let seen = await reportOf(client, report);
      while (seen.state === 'comparing') {
        await sleep(io.clock, LOOK_MS);
        seen = await reportOf(client, report);
      }
      return showReport(client, args, show, seen);
    }),
  },
  {
    name: 'reconcile list',
    summary: 'What is compared, when, and what came of it last',
    options: output,
    run: withClient(async (client, _args, show) => {
      const { reconciliations } = (await client.get('/v1/reconciliations')) as {
        reconciliations: ReconciliationState[];
      };
      return show(reconciliations, (width) =>
        renderTable(
          [
            'RECONCILIATION',
            { title: 'SOURCE', drop: 2 },
            { title: 'TARGET', drop: 3 },
            { title: 'SCHEDULE', drop: 4 },
            { title: 'NEXT', drop: 5 },
            'LAST',
            'DIFFERENCES',
            { title: 'OWNER', drop: 1 },
          ],
          reconciliations.map((one) => [
            one.name,
            one.source,
            one.target,
            one.schedule === undefined ? 'by command' : `${one.schedule} ${one.zone}`,
            one.nextAtMs === undefined ? '' : time(one.nextAtMs),
            one.last === undefined ? 'never' : `${time(one.last.begunAtMs)} ${one.last.state}`,
            one.last?.state === 'complete' ? String(one.last.differences) : '',
            one.owner,
          ]),
          width,
        ),
      );
    }),
  },
  {
    name: 'reconcile reports',
    summary: 'Reports, the newest first',
    positionals: ['[reconciliation]'],
    options: { ...output, limit: { type: 'string', value: '<n>', help: 'at most so many; default 50' } },
    run: withClient(async (client, args, show, io) => {
      const { reports } = (await client.get('/v1/reports', {
        reconciliation: args.positionals[0],
        limit: parseLimit(args.text('limit')),
      })) as { reports: ReconciliationReport[] };
      const code = show(reports, (width) =>
        renderTable(
          [
            'REPORT',
            { title: 'RECONCILIATION', shortens: true },
            { title: 'BEGUN', drop: 3 },
            'STATE',
            'DIFFERENCES',
            { title: 'RECORDS', drop: 2 },
            { title: 'BY', drop: 1 },
            { title: 'REASON', below: true },
          ],
          reports.map((one) => [
            one.id,
            one.reconciliation,
            time(one.begunAtMs),
            one.isDryRun ? `${one.state} (dry run)` : one.state,
            one.state === 'complete' ? countWords(one) : (one.failure?.code ?? ''),
            `${one.records.source} / ${one.records.target}`,
            one.actor,
            one.reason,
          ]),
          width,
        ),
      );
      sayIfCut(reports, REPORTS_LISTED, 'the newest', args, io);
      await sayIfNotCompared(reports, args.positionals[0], client, io);
      return code;
    }),
  },
  {
    name: 'reconcile show',
    summary: 'One report with what differs',
    positionals: ['<report>'],
    options: output,
    run: withClient(async (client, args, show, io) => {
      const report = await reportOf(client, args.positionals[0]!);
      await showReport(client, args, show, report);
      await sayIfStale(report, client, io);
      return exit.clean;
    }),
  },
  {
    name: 'reconcile repair',
    summary: 'What mending the differences of a report would do: a dry run with a token',
    positionals: ['<report>'],
    options: { ...output, ...reason },
    run: withClient(async (client, args, show, io) => {
      const answer = await client.post(`/v1/reports/${encodeURIComponent(args.positionals[0]!)}/repairs`, {
        reason: needReason(args),
      });
      // The shape that contracts/operations promises.
      const dry = answer as unknown as RepairReport;
      const mended = dry.items.filter(({ refused }) => refused === undefined).length;
      const code = showFrozen(
        dry,
        {
          says: `${mended} of ${plural(dry.items.length, 'differences')} can be mended`,
          isNothing: mended === 0,
          apply: 'tenon reconcile apply',
          table: (width) => (dry.items.length === 0 ? '' : repairTable(dry.items, width)),
        },
        show,
        io,
      );
      const report = await reportOf(client, args.positionals[0]!).catch(unreadable);
      if (report !== undefined) await sayIfStale(report, client, io);
      return code;
    }),
  },
  {
    name: 'reconcile apply',
    summary: 'Do exactly what the dry run of a repair showed, once, beside live traffic',
    positionals: ['<token>'],
    options: {
      ...remote,
      ...reason,
      ...rate,
      outdated: {
        type: 'boolean',
        help: 'also where the two systems have been compared since: what differed may be mended by now, and would be there twice',
      },
    },
    run: withClient((client, args, _show, io) => {
      const more = args.flag('outdated') ? { outdated: true } : {};
      return applyFrozen('/v1/repairs', 'tenon reconcile status', client, args, io, more);
    }),
  },
  {
    name: 'reconcile status',
    summary: 'Who asked for a repair, who applied it, and how far it is',
    positionals: ['<token>'],
    options: output,
    run: withClient(async (client, args, show) => {
      const answer = await client.get(`/v1/repairs/${encodeURIComponent(args.positionals[0]!)}`);
      // The shape that contracts/operations promises.
      const status = answer as unknown as KnownStatus;
      return show(status, (width) => statusWords(status, width));
    }),
  },
];

function repairTable(items: RepairReport['items'], width: number | undefined): string {
  return renderTable(
    [
      'NO',
      'KIND',
      { title: 'KEY', shortens: true },
      'RUN',
      { title: 'SENDS', below: true },
      { title: 'STARTS', below: true },
      { title: 'NOTHING, BECAUSE', below: true },
    ],
    byKey(items).flatMap(({ number, kind, key, runs, starts, refused }) => {
      const head = [String(number), kind, key ?? '–'];
      if (runs.length === 0) return [[...head, '', '', starts ?? '', refused ?? '']];
      return runs.map((run) => [
        ...head,
        `${run.pipeline} ${run.runId}`,
        run.effectsToSend.join(', ') || '–',
        '',
        refused ?? run.refused ?? '',
      ]);
    }),
    width,
  );
}

async function reportOf(client: OperationsClient, id: string): Promise<ReconciliationReport> {
  // The shape that contracts/operations promises.
  return (await client.get(`/v1/reports/${encodeURIComponent(id)}`)) as unknown as ReconciliationReport;
}

async function showReport(
  client: OperationsClient,
  args: Args,
  show: Show,
  report: ReconciliationReport,
): Promise<ExitCode> {
  const differences: ReportedDifference[] = [];
  // People are shown those of the first keys, which are the same each time.
  const wanted = isJson(args) ? report.listed : Math.min(report.listed, PAGE);
  while (differences.length < wanted) {
    const { differences: page } = (await client.get(
      `/v1/reports/${encodeURIComponent(report.id)}/differences`,
      {
        after: String(differences.at(-1)?.number ?? 0),
        limit: String(Math.min(PAGE, wanted - differences.length)),
      },
    )) as { differences: ReportedDifference[] };
    if (page.length === 0) break;
    differences.push(...page);
  }
  const sides = isJson(args) ? undefined : await sidesOf(client, report.reconciliation).catch(unreadable);
  show({ ...report, listedDifferences: differences }, (width) =>
    reportWords(report, byKey(differences).slice(0, SHOWN), sides, width),
  );
  if (report.state === 'failed') return exit.failed;
  return report.differences > 0 || report.totals.some(({ differs }) => differs) ? exit.findings : exit.clean;
}

/** What is read of both systems, by its operation. */
type Sides = Pick<ReconciliationState, 'source' | 'target'>;

async function sidesOf(client: OperationsClient, name: string): Promise<Sides | undefined> {
  // The shape that contracts/operations promises.
  const { reconciliations = [] } = (await client.get('/v1/reconciliations')) as {
    reconciliations?: readonly ReconciliationState[];
  };
  return reconciliations.find((one) => one.name === name);
}

/** Their numbers are those in which they were found, which is another order each time. */
function byKey<T extends { readonly key: string | null; readonly number: number }>(
  rows: readonly T[],
): readonly T[] {
  const isNull = ({ key }: T): number => Number(key === null);
  return rows.toSorted(
    (a, b) => isNull(a) - isNull(b) || compareText(a.key ?? '', b.key ?? '') || a.number - b.number,
  );
}

function reportWords(
  report: ReconciliationReport,
  differences: readonly ReportedDifference[],
  sides: Sides | undefined,
  width: number | undefined,
): string {
  const { records, unsettled, failure, totals } = report;
  const more = report.differences - differences.length;
  const [ofSource, ofTarget] = sides === undefined ? ['', ''] : [` (${sides.source})`, ` (${sides.target})`];
  return [
    `report   ${report.id} of ${report.reconciliation}, version ${report.version}${report.isDryRun ? ' (dry run)' : ''}`,
    `asked    ${time(report.begunAtMs)} by ${report.actor}: ${report.reason}`,
    `state    ${report.state}${report.endedAtMs === undefined ? '' : ` after ${roughDuration(report.endedAtMs - report.begunAtMs)}`}${report.resumed === undefined ? '' : `, begun again ${plural(report.resumed, 'times')}`}`,
    ...(failure ? [`cause    ${failure.message} (${failure.code})`] : []),
    ...(report.state === 'complete'
      ? [
          `records  ${records.source} in the source${ofSource}, ${records.target} in the target${ofTarget}${unsettled > 0 ? `; ${plural(unsettled, 'keys')} left out: not settled` : ''}`,
          ...totals.map(
            ({ name, differs, source, target }) =>
              `total    ${name}: ${source === undefined ? '' : `${source} in the source, ${target} in the target, `}${differs ? 'DIFFERS' : 'agrees'}`,
          ),
          `found    ${countWords(report)}`,
        ]
      : []),
    ...(differences.length > 0
      ? [
          renderTable(
            [
              'NO',
              'KIND',
              'KEY',
              `SOURCE${ofSource}`,
              `TARGET${ofTarget}`,
              { title: 'DIFFERS', below: true },
            ],
            differences.map(({ number, kind, key, ids, records: many, fields }) => [
              String(number),
              kind,
              key ?? '–',
              sideWords(many.source, ids.source),
              sideWords(many.target, ids.target),
              fields
                .map((field) =>
                  'isClassed' in field
                    ? `${field.name} (classed)`
                    : `${field.name}: ${valueWords(field.source)} ≠ ${valueWords(field.target)}`,
                )
                .join(', '),
            ]),
            width,
          ),
        ]
      : []),
    ...(more > 0 && differences.length > 0
      ? [`and ${more} more; --json shows all ${report.listed} that are kept`]
      : []),
  ].join('\n');
}

function countWords({ counts, differences }: ReconciliationReport): string {
  if (differences === 0) return 'no difference';
  const parts = Object.entries(counts).flatMap(([kind, count]) => (count > 0 ? [`${count} ${kind}`] : []));
  return parts.join(', ');
}

function sideWords(records: number, ids: readonly string[]): string {
  if (records === 0) return '–';
  return ids.length > 0 ? ids.join(', ') : plural(records, 'records');
}

function valueWords(value: Json): string {
  return value === null ? 'nothing' : JSON.stringify(value);
}

type KnownStatus = Omit<RepairStatus, keyof KnownRuns> & KnownRuns;

function statusWords(status: KnownStatus, width: number | undefined): string {
  const { startsRefused: refused } = status;
  return [
    ...askedLines(status, ` (report ${status.report})`),
    `runs      ${countsOf(status)}`,
    `starts    ${status.starts}${refused.length > 0 ? `, ${refused.length} of them refused` : ''}`,
    ...refused.slice(0, SHOWN).map(({ number, because }) => `          no ${number}: ${because}`),
    `done      ${status.isDone ? 'yes' : 'no'}`,
    ...listedLines(status, width),
  ].join('\n');
}
