import { givenUrl } from '../client/given-url.ts';
import { withLedgerFile } from '../client/ledger-client.ts';
import { type OperationsClient, OperationsError, operationsClient } from '../client/operations-client.ts';
import type { Args, CommandSpec } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { asDocument } from '../json-answer.ts';
import { quoted } from '../program.ts';
import { readersKeys } from '../serve/data-keys.ts';
import { printable } from '../text/printable.ts';
import { findRoot, readServerConfig } from '../workspace/root.ts';

/** Of what a running Tenon is asked, or its database where none answers. */
export function withClient(act: Act): CommandSpec['run'] {
  return (args, io) => acted(act, args, io, true);
}

/** Of what only a running Tenon can do: where none answers that is all there is to say, and what its database holds does not help. */
export function withRunning(act: Act): CommandSpec['run'] {
  return (args, io) => acted(act, args, io, false);
}

type Act = (client: OperationsClient, args: Args, show: Show, io: Io) => Promise<ExitCode>;

/** `human` is told how wide the terminal is, where it is one that a table is to fit. */
export type Show = (value: unknown, human: (width: number | undefined) => string) => ExitCode;

async function acted(act: Act, args: Args, given: Io, readsFile: boolean): Promise<ExitCode> {
  // Names, keys and failures in what is said are not ours.
  const io: Io = { ...given, err: (text) => given.err(printable(text)) };
  const root = await findRoot(io.cwd);
  const own = await readServerConfig(root);
  const named = args.text('url') ?? io.env['TENON_URL'];
  const saidBy = args.text('url') !== undefined ? '--url' : named !== undefined ? 'TENON_URL' : own.saidBy;
  if (saidBy !== undefined && named !== undefined) givenUrl(saidBy, named, 'TENON_TOKEN tells who asks');
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
    if (isJson(args)) io.out(asDocument(value));
    else if (Array.isArray(value) && value.length === 0) io.err('none\n');
    else printed(human(tableWidth(args, io)), io);
    return exit.clean;
  };
  try {
    return await act(client, args, show, io);
  } catch (error) {
    if (!(error instanceof OperationsError)) throw error;
    const { message, exitCode, isUnreachable, code, before } = error;
    const more = noRunWords(error, args.positionals[0]);
    throw new OperationsError(message + more, exitCode, code, isUnreachable, before);
  }
}

/** A dry run that names nothing has no table: titles above nothing look like something that was cut off. */
function printed(text: string, io: Io): void {
  if (text !== '') io.out(`${printable(text)}\n`);
}

/** What was done: in words on stderr, for programs on stdout too. */
export function sayDone(done: object, words: string, args: Args, io: Io): void {
  io.err(`${words}\n`);
  if (isJson(args)) io.out(asDocument(done));
}

/** Some commands take `--json` as well. */
export function isJson(args: Args): boolean {
  return args.flag('json') || args.text('format') === 'json';
}

export function tableWidth(args: Args, { width }: Io): number | undefined {
  return args.flag('wide') ? undefined : width;
}

/** What a person at a desk knows of a run is its business key. */
function noRunWords({ code }: OperationsError, asked: string | undefined): string {
  if (code !== 'RUN_NOT_FOUND' || asked === undefined || RUN_ID.test(asked)) return '';
  return `; a run is named by its id: \`tenon runs ls --key ${quoted(asked)}\` lists those of a business key`;
}

/** As `newId` makes them. */
const RUN_ID = /^[0-9a-z]{26}$/;
