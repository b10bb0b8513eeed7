import { existsSync, watch } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { hasErrors, sleep } from '@tenon/model';
import type { LedgerEntry, Runtime } from '@tenon/runtime';
import { type Args, type CommandSpec, UsageError } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { allRules } from '../rules.ts';
import { type ComposeOptions, type RunningTenon, startTenon } from '../serve/compose.ts';
import { ComposeError } from '../serve/compose-error.ts';
import { missingAddresses } from '../serve/connection-addresses.ts';
import { type ConnectorCode, loadConnectorCode } from '../serve/connector-code.ts';
import { filesOfStart, unsetVariables, unsetWords } from '../serve/environment.ts';
import type { LogLine } from '../serve/log-line.ts';
import { findRoot } from '../workspace/root.ts';
import { exitCodeOf, formatOption, openSession, printReport, type Session } from '../workspace/session.ts';
import { DevLines, timedLine } from './dev-lines.ts';
import { devLog } from './dev-log.ts';

const options = {
  ...formatOption,
  port: { type: 'string', value: '<port>', help: 'instead of the configured one; 0 takes a free one' },
  'engine-file': { type: 'string', value: '<file>', help: 'database instead of the configured one' },
  'accept-set-back': {
    type: 'string',
    value: '<reason>',
    help: 'start although the ledger is behind what was stored, or not what its last checkpoint says (a restored backup); the reason is signed',
  },
} as const;

const serveOptions = {
  ...options,
  reason: {
    type: 'string',
    value: '<text>',
    help: 'why pipelines that are new or changed are put in force; stays in the ledger for ever, beside the commit that is checked out',
  },
  killed: {
    type: 'string',
    value: '<reason>',
    help: 'start with everything killed: no event is kept out by it, and nothing goes out until `tenon kill lift --all`',
  },
} as const;

/** `serve` logs one JSON object a line on stdout: what a log collector takes. */
export const serveCommand: CommandSpec = {
  name: 'serve',
  summary: 'Run the pipelines: webhook intake, runtime and operations API',
  isLog: true,
  options: serveOptions,
  run: async (args, io) => {
    const log = (line: LogLine): void =>
      io.out(`${JSON.stringify({ at: new Date(io.clock.now()).toISOString(), ...line })}\n`);
    // Listened for from the start on: a supervisor may change its mind before anything serves, and what is open by then is closed in order.
    let isStopping = false;
    const stopping = io.interrupted().then(() => {
      isStopping = true;
      log({ kind: 'stopping' });
    });
    const session = await openSession(io);
    const say: Say = (text) => io.err(`${text}\n`);
    const onEntry = (entry: LedgerEntry): void => log({ ...entry, at: new Date(entry.at).toISOString() });
    const ready = await prepared(session, args, io, { say });
    if ('exitCode' in ready) return ready.exitCode;
    if (isStopping) return exit.clean;
    const started = await start(ready, args, io, { log, onEntry, say });
    if ('exitCode' in started) return started.exitCode;
    if (!isStopping) log({ kind: 'serving', url: started.url, ...refusing(started.runtime) });
    await stopping;
    await started.close();
    return exit.clean;
  },
};

/** Why no event is taken from the start on; the alarm may have been told by the process before. */
export function refusing(runtime: Pick<Runtime, 'intakeRefusal'>): { readonly refusing?: object } {
  const refusal = runtime.intakeRefusal();
  return refusal === undefined ? {} : { refusing: { code: refusal.code, message: refusal.message } };
}

/** Edits come in bursts: an editor writes a file in several steps. */
const SETTLE_MS = 200;

/** `dev` is for a person at a terminal: a line a ledger entry (uses of secrets summed up), and the workspace checked and taken again at each change. */
export const devCommand: CommandSpec = {
  name: 'dev',
  summary: 'Run the pipelines here, and check and reload at every change',
  isLog: true,
  options,
  run: async (args, io) => {
    const lines = new DevLines((text) => io.out(text), io.clock);
    const say: Say = (text) => io.err(timedLine(text, io.clock));
    const show = (entry: LedgerEntry): void => lines.show(entry);
    const log = devLog(say);
    const stop = io.interrupted().then(() => 'stop' as const);
    let running: RunningTenon | undefined;
    /** What was last served: it is gone back to where what comes after cannot be started. */
    let served: Ready | undefined;
    let own: OwnFiles = { taken: new Set() };
    let warned = '';
    for (;;) {
      const watching = new AbortController();
      // From before the workspace is read: an edit made while it starts is in neither what was read nor seen later.
      const root = await findRoot(io.cwd);
      const changes = root === undefined ? undefined : changesOf(root, io, watching.signal);
      const session = await openSession(io);
      // What serves goes on while an edit is half done: webhooks come in all the same.
      const sound = soundOf(session);
      const warnings = sound ? await warningsOf(sound, args, io) : warned;
      if (warnings !== warned && warnings !== '') io.err(warnings);
      warned = warnings;
      const missing = sound && running ? missingAddresses(sound.workspace, io) : [];
      const ready =
        missing.length > 0
          ? addressesMissing(missing, say)
          : await prepared(session, args, io, { say, anew: true });
      let isNew = false;
      if (!('exitCode' in ready)) {
        await running?.close();
        running = undefined;
        for (const one of [ready, served]) {
          const started = one && (await start(one, args, io, { log, onEntry: show, say }));
          if (started === undefined || 'exitCode' in started) continue;
          running = started;
          served = one;
          isNew = one === ready;
          break;
        }
      }
      if (running && isNew) say(`serving on ${running.url}; watching for changes, Ctrl-C stops`);
      else if (running)
        say(
          `still serving what was there before the edit, on ${running.url}: mend the above; watching for changes, Ctrl-C stops`,
        );
      else if (session.root !== undefined)
        say('not running: mend the above; watching for changes, Ctrl-C stops');
      if (!changes) return exit.usage;
      own = ownFiles(session, args, io) ?? own;
      const next = await Promise.race([stop, changes.next((file) => isWatched(file, own))]);
      watching.abort();
      if (next === 'stop') {
        await running?.close();
        lines.flush();
        return exit.clean;
      }
      say(`${next} changed`);
    }
  },
};

/** The report of what stops nothing; empty where there is nothing. */
async function warningsOf({ diagnostics, root, check }: Session, args: Args, io: Io): Promise<string> {
  let text = '';
  if (diagnostics.length > 0)
    await printReport({ diagnostics, checked: { ...check.checked } }, root, args, {
      ...io,
      out: (part) => {
        text += part;
      },
    });
  return text;
}

/** A process keeps the environment that it began with. */
function addressesMissing(names: readonly string[], say: Say): Failed {
  say(
    `not set: ${names.join(', ')}. Set it (\`tenon sandbox\`, started again, prints those of what it stands for), and start \`tenon dev\` again`,
  );
  return { exitCode: exit.failed };
}

/** Tells a line of its own, as the lines around it are. */
type Say = (text: string) => void;

type Opened = Awaited<ReturnType<typeof openSession>>;

/** A sound workspace and the code of its connectors: all that is known to be right before anything is opened. */
interface Ready {
  readonly session: Session;
  readonly code: ConnectorCode;
}

type Failed = { readonly exitCode: ExitCode };

async function prepared(
  session: Opened,
  args: Args,
  io: Io,
  { say, anew = false }: { readonly say: Say; readonly anew?: boolean },
): Promise<Ready | Failed> {
  startOptions(args);
  const sound = soundOf(session);
  if (!sound) {
    const checked = 'workspace' in session ? { ...session.check.checked } : {};
    await printReport({ diagnostics: session.diagnostics, checked }, session.root, args, {
      ...io,
      out: io.err,
    });
    return { exitCode: exitCodeOf(session.diagnostics) };
  }
  const unset = unsetVariables(sound.workspace.config, io);
  if (unset.length > 0) io.err(unsetWords(unset));
  if (unset.some(({ isNeeded }) => isNeeded)) return { exitCode: exit.failed };
  return expecting(say, async () => ({ session: sound, code: await loadConnectorCode(sound, { anew }) }));
}

function start(
  { session, code }: Ready,
  args: Args,
  io: Io,
  {
    log,
    onEntry,
    say,
  }: {
    readonly log: (line: LogLine) => void;
    readonly onEntry: (entry: LedgerEntry) => void;
    readonly say: Say;
  },
): Promise<RunningTenon | Failed> {
  return expecting(say, () => startTenon({ ...session, ...startOptions(args), code, io, log, onEntry }));
}

function startOptions(
  args: Args,
): Pick<ComposeOptions, 'port' | 'engineFile' | 'setBack' | 'killed' | 'reason'> {
  const port = parsePort(args.text('port'));
  const engineFile = args.text('engine-file');
  const setBack = args.text('accept-set-back');
  const killed = args.text('killed');
  const reason = args.text('reason');
  if (reason?.trim() === '')
    throw new UsageError('argument-missing', '--reason takes words: they are kept in the ledger');
  if (killed?.trim() === '')
    throw new UsageError('argument-missing', '--killed takes a reason: it is kept in the ledger');
  if (setBack?.trim() === '')
    throw new UsageError('argument-missing', '--accept-set-back takes a reason: it is kept in the ledger');
  return {
    ...(port !== undefined && { port }),
    ...(engineFile !== undefined && { engineFile }),
    ...(setBack !== undefined && { setBack }),
    ...(killed !== undefined && { killed }),
    ...(reason !== undefined && { reason }),
  };
}

/** Says a failure that is the workspace's or the machine's; ours is thrown. */
async function expecting<T>(say: Say, work: () => Promise<T>): Promise<T | Failed> {
  try {
    return await work();
  } catch (error) {
    if (!isExpected(error)) throw error;
    say(failureWords(error));
    return { exitCode: exit.failed };
  }
}

/** With its code and where that is explained, for a code that can be. */
function failureWords(error: Error): string {
  // What it is about stands in its sentence.
  if (error instanceof ComposeError) return error.message;
  const code = 'code' in error ? String(error.code) : '';
  return Object.hasOwn(allRules, code)
    ? `${code}: ${error.message}\nsee \`tenon explain ${code}\``
    : error.message;
}

function soundOf(session: Opened): Session | undefined {
  return 'workspace' in session && !hasErrors(session.diagnostics) ? session : undefined;
}

/** A wrong configuration, a port in use, a second process on one database: said in a sentence. */
function isExpected(error: unknown): error is Error {
  if (error instanceof ComposeError) return true;
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError('argument-invalid', '--port is a number from 0 to 65535');
  return port;
}

/** The files below `root` that change from now on. */
export function changesOf(
  root: string,
  io: Pick<Io, 'clock'>,
  signal: AbortSignal,
): {
  /** The first that is asked for, once the burst is over; also one that came before. */
  next(isWanted: (file: string) => boolean): Promise<string>;
} {
  const seen = new Set<string>();
  let told: ((file: string) => void) | undefined;
  watch(root, { recursive: true, signal }, (_kind, file) => {
    if (file === null) return;
    if (told) told(file);
    else if (seen.size < SEEN_MAX) seen.add(file);
  });
  return {
    async next(isWanted) {
      const changed: string[] = [];
      await new Promise<void>((found) => {
        told = (file) => {
          if (!isWanted(file)) return;
          changed.push(file);
          found();
        };
        for (const file of seen) told(file);
      });
      await sleep(io.clock, SETTLE_MS, signal);
      // What an editor wrote it through is gone by now; where nothing is there, it was removed.
      return changed.find((file) => existsSync(join(root, file))) ?? changed[0]!;
    },
  };
}

/** A start writes its own files, by the dozen at most; an edit among thousands of others is one of a checkout. */
const SEEN_MAX = 10_000;

/** What the configuration of a session names, relative to its root. */
interface OwnFiles {
  /** Each run writes it, which is no edit. */
  readonly database?: string;
  /** Of keys and tokens that a start takes. */
  readonly taken: ReadonlySet<string>;
}

function ownFiles(session: Opened, args: Args, io: Io): OwnFiles | undefined {
  if (!('workspace' in session)) return undefined;
  const named = args.text('engine-file');
  const file =
    named === undefined
      ? resolve(session.root, session.workspace.config.engine.file)
      : resolve(io.cwd, named);
  const { root } = session;
  const taken = filesOfStart(session.workspace.config).map((path) => relative(root, resolve(root, path)));
  return { database: relative(root, file), taken: new Set(taken) };
}

/** May a change of this file, relative to the root, change what a check says or a start takes? The database has files beside it. */
export function isWatched(file: string, { database, taken }: OwnFiles): boolean {
  const isDatabase =
    database !== undefined &&
    (file === database || file.startsWith(`${database}-`) || file.startsWith(`${database}.`));
  if (taken.has(file)) return true;
  return !isDatabase && !UNWATCHED.test(file) && READ.some((kind) => kind.test(file));
}

/**
 * What a check or a start reads by kind and place, whatever the configuration names besides. A log that is written into the folder is none of it, nor is a file under a name
 * that only an editor or `sed -i` gives for a moment.
 */
const READ = [
  /^(tenon\.config|owners)\.yaml$/,
  /^package\.json$/,
  /^contracts\/.+\.[A-Za-z]+$/,
  /^(connectors|pipelines)\/.+\.(ya?ml|json|txt)$/,
  // Of connectors, and what they import.
  /\.[cm]?[jt]s$/,
];

/** What `tenon` writes itself, what no check reads, and what editors put beside a file while they write it. */
const UNWATCHED =
  /(^|\/)(node_modules|\.tenon|\.git|generated|dist)(\/|$)|~$|\.sw[a-z]$|(^|\/)(4913|\.#[^/]*|#[^/]*#|\.goutputstream-[^/]*|[^/]*\.tmp(\.[^/]*)?)$/;
