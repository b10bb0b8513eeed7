import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { LedgerExport, LedgerReader, LedgerReport } from '@tenon/runtime';
import { openLedger, RuntimeError, runtimeRules, verifyExport } from '@tenon/runtime';
import { fileLines } from '../client/file-lines.ts';
import { type Args, type CommandSpec, type OptionSpec, UsageError } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { quoted } from '../program.ts';
import { plural } from '../render/index.ts';
import { PUBLIC_KEY_FILE, publicKeys } from '../serve/ledger-key.ts';
import { findRoot, readServerConfig } from '../workspace/root.ts';
import { outputFormat } from './operator-options.ts';

const file: Readonly<Record<string, OptionSpec>> = {
  file: { type: 'string', value: '<file>', help: 'database to read; default: that of this workspace' },
};
const trust: Readonly<Record<string, OptionSpec>> = {
  checkpoints: {
    type: 'string',
    multiple: true,
    value: '<file>',
    help: 'signed checkpoints to hold the ledger against; default: those of this workspace',
  },
  'public-key': {
    type: 'string',
    multiple: true,
    value: '<key>',
    help: `key that signed them, or a file of keys; default: ${PUBLIC_KEY_FILE}`,
  },
};

/** Commands over the ledger's tree; all read the file, so they need no process, and none needs to be stopped. */
export const auditCommands: readonly CommandSpec[] = [
  {
    name: 'audit verify',
    summary: 'Is every entry of the ledger as it was written? Offline; says where not',
    options: {
      ...file,
      ...trust,
      export: { type: 'string', value: '<file>', help: 'an export to verify instead of a database' },
      ...outputFormat,
    },
    examples: [
      'tenon audit verify --checkpoints /mnt/witness/tenon.checkpoints --public-key tenon.local/9f…+1a2b3c4d+AW…',
    ],
    run: verify,
  },
  {
    name: 'audit export',
    summary: 'The whole ledger as JSON lines, with what is needed to check it without Tenon',
    options: { ...file, ...trust, out: { type: 'string', value: '<file>', help: 'instead of stdout' } },
    run: exportAll,
  },
  {
    name: 'audit prove',
    summary: 'Proof that an entry is in the ledger, or that the ledger still begins as it did',
    positionals: ['[sequence]'],
    options: {
      ...file,
      size: { type: 'string', value: '<rows>', help: 'in the tree of so many rows; default: all' },
      since: {
        type: 'string',
        value: '<rows>',
        help: 'instead: that the tree begins with the one of so many rows',
      },
    },
    run: prove,
  },
  {
    name: 'audit key',
    summary: 'The public keys that checkpoints are signed with, to be kept elsewhere',
    run: async (_args, io) => {
      const path = join((await findRoot(io.cwd)) ?? io.cwd, PUBLIC_KEY_FILE);
      if (!existsSync(path)) {
        io.err('there is no key yet: `tenon serve` makes one\n');
        return exit.failed;
      }
      io.out(readFileSync(path, 'utf8'));
      return exit.clean;
    },
  },
];

async function verify(args: Args, io: Io): Promise<ExitCode> {
  const root = (await findRoot(io.cwd)) ?? io.cwd;
  const keys = await publicKeys(args.texts('public-key'), root);
  if (args.texts('public-key').length > 0 && keys.length === 0)
    throw new UsageError(
      'argument-invalid',
      '--public-key is neither a key of the form name+id+base64 nor a file of such keys',
    );
  const exported = args.text('export');
  const source = await checkpointSources(args, io, exported === undefined);
  const checkpoints = source.map(({ name, path }) => ({ name, lines: fileLines(path) }));
  if (exported !== undefined) {
    const path = resolve(io.cwd, exported);
    if (!existsSync(path)) throw new UsageError('argument-unknown', `there is no ${exported}`);
    return tell(verifyExport(fileLines(path), { checkpoints, keys }), source.length, args, io);
  }
  return reading(args, io, (ledger) => tell(ledger.verify({ checkpoints, keys }), source.length, args, io));
}

function tell(report: LedgerReport, files: number, args: Args, io: Io): ExitCode {
  const isSound = report.findings.length === 0;
  if (args.text('format') === 'json') io.out(`${JSON.stringify(report, null, 2)}\n`);
  else io.out(reportWords(report, files));
  return isSound ? exit.clean : exit.findings;
}

function reportWords(report: LedgerReport, files: number): string {
  const lines = report.findings.map(({ code, message }) => `✗ ${code}  ${message}`);
  if (report.leftOff > 0) lines.push(`  and ${plural(report.leftOff, 'findings')} more`);
  for (const fix of new Set(report.findings.map(({ code }) => runtimeRules[code].fix)))
    lines.push(`  fix  ${fix}`);
  for (const { atMs, why } of report.setBacks)
    lines.push(`! set back on ${new Date(atMs).toISOString()}: ${why}`);
  const verdict = report.findings.length === 0 ? '✓ sound' : '✗ not sound';
  lines.push(
    `${verdict}: ${plural(report.entries, 'entries')} in ${plural(report.rows, 'rows')}, root ${report.root}`,
    coverage(report, files),
  );
  return `${lines.join('\n')}\n`;
}

/** Without a checkpoint from elsewhere the file only speaks for itself: said, so that nobody takes it for more. */
function coverage(report: LedgerReport, files: number): string {
  if (report.covered === 0)
    return files === 0
      ? '  no checkpoints were given: whoever can write the file can write its tree as well'
      : '  no checkpoint covers a row';
  const rest = report.rows - report.covered;
  const until = new Date(report.coveredAtMs ?? 0).toISOString();
  // A later one may count rows that are gone: the findings say so.
  if (report.findings.length > 0)
    return `  ${plural(report.checkpoints, 'checkpoints')}; the last that the rows left reach to is of ${until}`;
  return `  ${plural(report.checkpoints, 'checkpoints')}, the last of ${until}${rest > 0 ? `; ${plural(rest, 'rows')} since are not signed yet` : ', cover every row'}`;
}

async function exportAll(args: Args, io: Io): Promise<ExitCode> {
  const checkpoints = await checkpointSources(args, io, true);
  const out = args.text('out');
  return reading(args, io, async (ledger) => {
    const exported = ledger.exporting();
    const lines = exportLines(exported, checkpoints);
    if (out === undefined) {
      for (const line of lines) io.out(line);
      return exit.clean;
    }
    await pipeline(lines, createWriteStream(resolve(io.cwd, out), { mode: 0o600 }));
    io.err(
      `exported ${plural(exported.head.size, 'rows')} to ${out}; \`tenon audit verify --export ${quoted(out)}\` checks it\n`,
    );
    return exit.clean;
  });
}

function* exportLines(
  exported: LedgerExport,
  checkpoints: readonly { readonly path: string }[],
): Iterable<string> {
  const { size, root, lastSequence } = exported.head;
  yield line({
    type: 'ledger',
    format: 'tenon-ledger/1',
    size,
    root: Buffer.from(root).toString('base64'),
    lastSequence,
    leaf: 'SHA-256 of a zero byte and the UTF-8 text of `leaf`; nodes as in RFC 6962',
  });
  for (const { path } of checkpoints)
    for (const note of readFileSync(path, 'utf8').split(/(?<=\n— .*\n)\n/))
      if (note.trim() !== '') yield line({ type: 'checkpoint', note });
  for (const row of exported.rows()) yield line({ type: 'row', ...row });
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

async function prove(args: Args, io: Io): Promise<ExitCode> {
  const size = wholeNumber(args.text('size'), '--size');
  const since = wholeNumber(args.text('since'), '--since');
  const sequence = wholeNumber(args.positionals[0], 'the number of the entry');
  if ((sequence === undefined) === (since === undefined))
    throw new UsageError('argument-missing', 'give the number of an entry, or --since');
  return reading(args, io, (ledger) => {
    const exported = ledger.exporting();
    const until = size ?? exported.head.size;
    if (until > exported.head.size || (since ?? 0) > until) {
      io.err(`the ledger has ${plural(exported.head.size, 'rows')}\n`);
      return exit.failed;
    }
    const proof =
      since === undefined
        ? exported.inclusion(sequence!, until)
        : { earlier: since, size: until, proof: exported.consistency(since, until) };
    if (proof === undefined) {
      io.err(`entry ${sequence} is not in the first ${plural(until, 'rows')} of the ledger\n`);
      return exit.failed;
    }
    io.out(`${JSON.stringify(proof, null, 2)}\n`);
    return exit.clean;
  });
}

function wholeNumber(text: string | undefined, what: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new UsageError('argument-invalid', `${what} is no whole number`);
  return value;
}

async function reading(
  args: Args,
  io: Io,
  read: (ledger: LedgerReader) => ExitCode | Promise<ExitCode>,
): Promise<ExitCode> {
  const own = await readServerConfig(await findRoot(io.cwd));
  const named = args.text('file');
  const path = named === undefined ? own.engineFile : resolve(io.cwd, named);
  if (path === undefined)
    throw new UsageError('argument-missing', 'there is no workspace here: name a database with --file');
  if (named !== undefined && !existsSync(path))
    throw new UsageError('argument-unknown', `there is no file ${named}`);
  let ledger: LedgerReader;
  try {
    ledger = openLedger(path);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw new CommandError(`${error.code}: ${error.message}`, exit.failed, error.code);
  }
  try {
    return await read(ledger);
  } finally {
    ledger.close();
  }
}

/** Files of checkpoints as given, else the workspace's own where there is one. */
async function checkpointSources(
  args: Args,
  io: Io,
  isOwn: boolean,
): Promise<readonly { readonly name: string; readonly path: string }[]> {
  const named = args.texts('checkpoints').map((name) => ({ name, path: resolve(io.cwd, name) }));
  for (const { name, path } of named)
    if (!existsSync(path)) throw new UsageError('argument-unknown', `there is no ${name}`);
  if (named.length > 0 || !isOwn) return named;
  const own = await readServerConfig(await findRoot(io.cwd));
  const engine = args.text('file') === undefined ? own.engineFile : resolve(io.cwd, args.text('file')!);
  const path =
    own.checkpointsFile !== undefined && args.text('file') === undefined
      ? own.checkpointsFile
      : `${engine}.checkpoints`;
  return existsSync(path) ? [{ name: path, path }] : [];
}
