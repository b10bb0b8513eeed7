import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import {
  acceptFinding,
  contractTest,
  renderMarkdown,
  type SchemaDiffOptions,
  type SchemaDirection,
  type SchemaDocument,
  schemaReport,
  toDiagnostics,
  toJson,
} from '@tenon/diff';
import { parseDocument } from '@tenon/document';
import { compareDiagnostics, isObject } from '@tenon/model';
import { type Args, type CommandSpec, UsageError } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { asDocument } from '../json-answer.ts';
import { readText } from '../workspace/contract-base.ts';
import { type Comparison, type DiffResult, diffFiles, diffWorkspace } from '../workspace/diff.ts';
import { findRoot } from '../workspace/root.ts';
import { exitCodeOf, formatOption, openSession, printReport, type Session } from '../workspace/session.ts';

const WAIVER_DAYS = 90;
const DAY_MS = 86_400_000;

export const diffCommand: CommandSpec = {
  name: 'diff',
  summary: 'Does a contract change break anyone? With a value that shows it, and the pipelines hit',
  positionals: ['[base]', '[revision]'],
  options: {
    ...formatOption,
    against: {
      type: 'string',
      value: '<ref|dir|file>',
      help: 'compare the workspace, or the one document named, with a git ref, folder or file',
    },
    schema: { type: 'boolean', help: 'the two files are bare JSON Schemas' },
    dialect: {
      type: 'string',
      value: '<draft>',
      help: 'with --schema: for schemas without `$schema`; default draft2020-12',
      choices: ['draft4', 'draft6', 'draft7', 'draft2019-09', 'draft2020-12'],
    },
    direction: {
      type: 'string',
      value: '<way>',
      help: 'with --schema: who sends the values; default both',
      choices: ['request', 'response', 'both'],
    },
    accept: { type: 'string', value: '<fingerprint>', help: 'accept this finding: writes waivers.yaml' },
    reason: { type: 'string', value: '<text>', help: 'with --accept: why' },
    owner: {
      type: 'string',
      value: '<team>',
      help: 'with --accept: who answers for it; default: the steward',
    },
    expires: {
      type: 'string',
      value: '<date>',
      help: `with --accept: until when; default: in ${WAIVER_DAYS} days`,
    },
    tests: { type: 'string', value: '<dir>', help: 'write each witness as a contract test into this folder' },
  },
  examples: [
    'tenon diff old/openapi.yaml new/openapi.yaml',
    'tenon diff --against origin/main api/openapi.yaml',
    'tenon diff --against origin/main --format github',
    'tenon diff --against origin/main --accept 4f1d0c2b9a7e6d53 --reason "nobody calls it, see ticket 812"',
    'tenon diff --schema old.schema.json new.schema.json --direction response',
  ],
  run: async (args, io) => {
    if (args.flag('schema')) return compareSchemas(args, io);
    const session = await sessionIfAny(io);
    const compared = await compareContracts(args, io, session);
    if (!('comparisons' in compared)) return compared.exitCode;
    if (args.text('accept') !== undefined) return accept(compared, args, io, session?.root ?? io.cwd);
    if (args.text('tests') !== undefined) await writeTests(compared, args.text('tests')!, io);
    await printDiff(compared, args, io, session?.root);
    return compared.isBlocked ? exit.findings : exit.clean;
  },
};

/** Two files are compared anywhere; a workspace around them adds who is hit. */
async function sessionIfAny(io: Io): Promise<Session | undefined> {
  if ((await findRoot(io.cwd)) === undefined) return undefined;
  const session = await openSession(io);
  return 'workspace' in session ? session : undefined;
}

async function compareContracts(
  args: Args,
  io: Io,
  session: Session | undefined,
): Promise<DiffResult | { readonly exitCode: ExitCode }> {
  const against = args.text('against');
  const [first, second] = args.positionals;
  if (against === undefined) {
    if (first === undefined || second === undefined)
      throw new UsageError(
        'argument-missing',
        'name two documents, or --against what the workspace is compared with',
      );
    return diffFiles(first, second, session, io);
  }
  if (second !== undefined)
    throw new UsageError('arguments-contradict', '--against compares with one thing only');
  if (first !== undefined) return diffFiles(against, first, session, io);
  if (session) return diffWorkspace(session, against, io);
  const failed = await openSession(io);
  await printReport({ diagnostics: failed.diagnostics, checked: {} }, failed.root, args, io);
  return { exitCode: exitCodeOf(failed.diagnostics) };
}

export async function printDiff(
  compared: DiffResult,
  args: Args,
  io: Io,
  root: string | undefined,
): Promise<void> {
  const format = args.text('format') ?? 'human';
  if (format === 'json') {
    io.out(`${JSON.stringify(asJson(compared), null, 2)}\n`);
    return;
  }
  if (format === 'markdown' && compared.comparisons.length > 0) {
    const comments = compared.comparisons.map(({ report, base }) => renderMarkdown(report, base));
    io.out(comments.join('\n'));
    return;
  }
  const diagnostics = [...compared.diagnostics].sort(compareDiagnostics);
  await printReport({ diagnostics, checked: compared.checked }, root, args, io, compared.texts);
}

/** The findings of all contracts that were compared, each naming its contract. */
function asJson({ comparisons, diagnostics, checked }: DiffResult): object {
  const reports = comparisons.map(({ report }) => toJson(report));
  const codes = new Set(
    comparisons.flatMap(({ report }) => report.findings.map(({ rule }) => rule as string)),
  );
  return {
    checked,
    findings: reports.flatMap(({ findings }) => findings),
    undecided: reports.flatMap(({ undecided }) => undecided),
    contracts: reports.map(({ contract, base, revision }) => ({ contract, base, revision })),
    diagnostics: diagnostics.filter(({ code }) => !codes.has(code) && code !== 'schema-undecided'),
  };
}

async function accept(compared: DiffResult, args: Args, io: Io, root: string): Promise<ExitCode> {
  const fingerprint = args.text('accept')!;
  const reason = args.text('reason');
  if (reason === undefined || reason.trim() === '')
    throw new UsageError('argument-missing', 'give --reason: it stands in waivers.yaml for the next reader');
  const hit = compared.comparisons.find(({ report }) =>
    [...report.findings, ...report.undecided].some((each) => each.fingerprint === fingerprint),
  );
  if (!hit)
    throw new UsageError(
      'argument-unknown',
      `no finding has the fingerprint ${fingerprint}; \`--format json\` lists them`,
    );
  const expires =
    args.text('expires') ?? new Date(io.clock.now() + WAIVER_DAYS * DAY_MS).toISOString().slice(0, 10);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(expires) || Number.isNaN(Date.parse(expires)))
    throw new UsageError('argument-invalid', '--expires is a date such as 2027-03-31');
  const owner = args.text('owner') ?? hit.revision.policy?.steward ?? hit.base.policy?.steward;
  if (owner === undefined)
    throw new UsageError('argument-missing', 'give --owner: the contract names no steward');
  const path = resolve(root, hit.waiversFile);
  const before = await readFile(path, 'utf8').catch(() => undefined);
  await writeFile(path, acceptFinding(before, { fingerprint, reason, owner, expires }));
  io.err(`accepted until ${expires} by ${owner}, in ${hit.waiversFile}\n`);
  if (args.text('format') === 'json')
    io.out(asDocument({ fingerprint, reason, owner, expires, file: hit.waiversFile }));
  return exit.clean;
}

async function writeTests({ comparisons }: DiffResult, folder: string, io: Io): Promise<void> {
  const target = resolve(io.cwd, folder);
  let written = 0;
  for (const comparison of comparisons) {
    for (const [name, text] of testFiles(comparison)) {
      await mkdir(target, { recursive: true });
      await writeFile(join(target, name), text);
      written += 1;
    }
  }
  io.err(`${written} contract tests written to ${folder}\n`);
}

function testFiles({ report }: Comparison): (readonly [string, string])[] {
  return report.findings.flatMap((finding) => {
    const text = contractTest(finding);
    return text === undefined
      ? []
      : [[`${report.contract}-${finding.rule}-${finding.fingerprint}.test.ts`, text] as const];
  });
}

async function compareSchemas(args: Args, io: Io): Promise<ExitCode> {
  const [base, revision] = args.positionals;
  if (base === undefined || revision === undefined)
    throw new UsageError('argument-missing', '--schema compares two files');
  for (const option of ['against', 'accept', 'tests'])
    if (args.text(option) !== undefined)
      throw new UsageError(
        'arguments-contradict',
        `--${option} is about contracts; --schema compares two bare schemas`,
      );
  const texts = new Map<string, string>();
  const [old, now] = await Promise.all([base, revision].map((path) => readSchema(path, texts, io)));
  const direction = (args.text('direction') ?? 'both') as SchemaDirection;
  const dialect = args.text('dialect') as SchemaDiffOptions['dialect'];
  const { diff, report } = schemaReport(basename(revision), old!, now!, direction, {
    ...(dialect && { dialect }),
  });
  const format = args.text('format') ?? 'human';
  if (format === 'json') io.out(`${JSON.stringify({ ...toJson(report), ...diff }, null, 2)}\n`);
  else if (format === 'markdown') io.out(renderMarkdown(report));
  else {
    if (format === 'human') io.out(`${diff.verdict}\n\n`);
    await printReport(
      { diagnostics: toDiagnostics(report, false), checked: { schemas: 1 } },
      undefined,
      args,
      io,
      texts,
    );
  }
  return diff.verdict === 'safe' ? exit.clean : exit.findings;
}

async function readSchema(path: string, texts: Map<string, string>, io: Io): Promise<SchemaDocument> {
  const text = await readText(resolve(io.cwd, path)).catch(() => undefined);
  if (text === undefined) throw new UsageError('argument-unknown', `there is no readable file ${path}`);
  const parsed = parseDocument(path, text);
  if (!parsed.value)
    throw new UsageError(
      'argument-invalid',
      `${path}: ${parsed.diagnostics[0]?.message ?? 'cannot be read'}`,
    );
  const { value } = parsed.value;
  if (typeof value !== 'boolean' && !isObject(value))
    throw new UsageError('argument-invalid', `${path}: a schema is an object, true or false`);
  texts.set(path, text);
  return parsed.value;
}
