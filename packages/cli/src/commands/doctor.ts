import { existsSync } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import { isObject } from '@tenon/model';
import {
  diskRefusal,
  type FlowReport,
  holderOf,
  openLedger,
  type Protection,
  type RuntimeCode,
  runtimeRules,
} from '@tenon/runtime';
import { type ClientTarget, operationsClient } from '../client/operations-client.ts';
import type { CommandSpec } from '../command.ts';
import { exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { asDocument } from '../json-answer.ts';
import { plural } from '../render/index.ts';
import {
  isManaged,
  type KeyRefusal,
  openKeyFiles,
  type ReadersKeys,
  readersKeys,
} from '../serve/data-keys.ts';
import { namedVariables, unsetVariables } from '../serve/environment.ts';
import { keptTokens, LOST_FIX, TOKENS_FOLDER, tokenLocks, UNNEEDED_FIX } from '../serve/kept-tokens.ts';
import { checkpointsFile, publicKeys } from '../serve/ledger-key.ts';
import { time } from '../text/utc-time.ts';
import { readServerConfig } from '../workspace/root.ts';
import { openSession, type Session } from '../workspace/session.ts';
import { outputFormat } from './operator-options.ts';
import { REWRITE_COMMAND } from './rewrite-data.ts';
import { isJson } from './with-client.ts';

type Verdict = {
  readonly ok: boolean;
  /** Not ok, and yet nothing to fail for: it may not be in the operator's hands. */
  readonly isWarning?: true;
  readonly what: string;
  readonly fix?: string;
  /** Where it has one that can be explained. */
  readonly code?: string;
};

const NODE_MAJOR_MIN = 24;
const READINESS_TIMEOUT_MS = 5_000;

/** Looks at what a run needs from the machine, and says what to do about each thing that is not so. */
export const doctorCommand: CommandSpec = {
  name: 'doctor',
  summary: 'Is everything there that a run needs?',
  options: outputFormat,
  run: async (args, io) => {
    const verdicts: Verdict[] = [nodeVersion(), await sqlite()];
    const session = await openSession(io);
    if ('workspace' in session) {
      const errors = session.diagnostics.filter(({ severity }) => severity === 'error').length;
      verdicts.push(
        {
          ok: errors === 0,
          what: `workspace ${session.root}: ${plural(errors, 'errors')}`,
          fix: 'run `tenon check`',
        },
        ...(await storage(session)),
        ...(await database(session, await readersKeys(io))),
        ...(await refreshTokens(session, await readersKeys(io))),
        ...(await openKeyFiles(session.workspace.config, session.root)).map((open) => ({
          ok: false,
          isWarning: true as const,
          ...open,
        })),
        await port(session, io),
        ...variableVerdicts(session, io),
      );
    } else {
      const [found] = session.diagnostics;
      verdicts.push({
        ok: false,
        what: found?.message ?? 'the workspace cannot be read',
        fix: found?.fix ?? 'run `tenon check`',
        ...(found && { code: found.code }),
      });
    }
    const isSound = verdicts.every(({ ok, isWarning }) => ok || isWarning);
    if (isJson(args)) io.out(asDocument({ sound: isSound, verdicts: verdicts.map(told) }));
    else
      for (const { ok, isWarning, what, fix } of verdicts)
        io.out(`${ok ? '✓' : isWarning ? '!' : '✗'} ${what}${ok || !fix ? '' : `\n    fix  ${fix}`}\n`);
    return isSound ? exit.clean : exit.findings;
  },
};

/** As a program reads it: what to do is said where there is something to do. */
function told({ ok, isWarning, what, fix, code }: Verdict): object {
  if (ok) return { verdict: 'ok', what };
  return {
    verdict: isWarning ? 'warning' : 'failed',
    what,
    ...(fix !== undefined && { fix }),
    ...(code !== undefined && { code }),
  };
}

function nodeVersion(): Verdict {
  const ok = Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN;
  return { ok, what: `Node ${process.versions.node}`, fix: `use Node ${NODE_MAJOR_MIN} or newer` };
}

async function sqlite(): Promise<Verdict> {
  const found = await import('node:sqlite').then(
    () => true,
    () => false,
  );
  return { ok: found, what: 'SQLite of Node', fix: 'use a Node that was built with SQLite' };
}

async function storage({ root, workspace }: Session): Promise<Verdict[]> {
  const { file } = workspace.config.engine;
  // What is not there yet is made by the first start, in the nearest folder that is: nothing is made here.
  let folder = dirname(resolve(root, file));
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  const ok = await access(folder, constants.W_OK)
    .then(() => stat(folder))
    .then(
      (found) => found.isDirectory(),
      () => false,
    );
  const what = `storage ${file}`;
  const refusal = diskRefusal(folder);
  return [
    { ok, what, fix: 'make its folder writable, or change engine.file' },
    ...(refusal === undefined
      ? []
      : [{ ok: false, what: `${what}: no event is taken: ${coded(refusal)}`, ...explained(refusal) }]),
  ];
}

function coded({ code, message }: { readonly code: string; readonly message: string }): string {
  return `${code}: ${message}`;
}

function explained({ code }: { readonly code: string }): Pick<Verdict, 'code' | 'fix'> {
  const explain = `see \`tenon explain ${code}\``;
  return { code, fix: isRuntimeCode(code) ? `${explain}: ${runtimeRules[code].fix}` : explain };
}

function isRuntimeCode(code: string): code is RuntimeCode {
  return Object.hasOwn(runtimeRules, code);
}

/** A database that is there is looked through: pages, payloads, plans, and the ledger against its tree. */
async function database(
  { root, workspace }: Session,
  { encryption, refusal }: ReadersKeys,
): Promise<Verdict[]> {
  const file = resolve(root, workspace.config.engine.file);
  const isUnknown = isManaged(refusal);
  if (!existsSync(file)) return refusal === undefined || isUnknown ? [] : [lockedVerdict(refusal)];
  const { checkpoints } = workspace.config.ledger;
  const signed = { file: checkpointsFile(checkpoints, root, file), keys: await publicKeys([], root) };
  const fix =
    'see `tenon explain RUNTIME_FILE_UNREADABLE`; put a backup back that `tenon backup --check` finds sound';
  try {
    const ledger = openLedger(file, encryption);
    const found = ledger.check();
    const protection = ledger.protection();
    const own = ledger.keyProblem();
    // That values are locked is no damage, and no backup mends it.
    const locked = found.find((problem) => problem.startsWith('STORED_VALUE_LOCKED'));
    const problems = found.filter((problem) => problem !== locked);
    // How far a damaged ledger is, is no question.
    const behind = problems.length === 0 ? ledger.startRefusal(signed) : undefined;
    ledger.close();
    const sound = locked === undefined ? 'sound' : 'sound as far as it can be read without its keys';
    const first = problems[0] === undefined ? sound : problems.slice(0, 3).join('; ');
    const keyless = isUnknown && locked === undefined ? undefined : (refusal ?? own ?? lockedBy(locked));
    return [
      { ok: problems.length === 0, what: `database ${workspace.config.engine.file}: ${first}`, fix },
      ...(behind === undefined
        ? []
        : [
            {
              ok: false,
              what: `database ${workspace.config.engine.file}: \`tenon serve\` would not start on it: ${coded(behind)}`,
              ...explained(behind),
            },
          ]),
      keyless === undefined
        ? protectionVerdict(protection)
        : isUnknown
          ? { ok: true, what: `stored data is encrypted, and was not looked at: ${keyless.message}` }
          : lockedVerdict(keyless, locked),
      ...unusedVerdict(protection),
    ];
  } catch (error) {
    return [{ ok: false, what: error instanceof Error ? error.message : String(error), fix }];
  }
}

/** A file of data keys is gone from among the others. */
function lockedBy(locked: string | undefined): KeyRefusal | undefined {
  return locked === undefined
    ? undefined
    : { code: 'STORED_VALUE_LOCKED', message: locked.slice('STORED_VALUE_LOCKED: '.length) };
}

function lockedVerdict({ code, message }: KeyRefusal, locked?: string): Verdict {
  const hasBoth = locked !== undefined && code !== 'STORED_VALUE_LOCKED';
  return {
    ok: false,
    what: `stored data cannot be read: ${code}: ${message}${hasBoth ? `\n    ${locked}` : ''}`,
    code,
    fix: `see \`tenon explain ${code}\`${hasBoth ? ' and `tenon explain STORED_VALUE_LOCKED`' : ''}; the database is not at fault`,
  };
}

/** That data lies in clear is a choice, so no fault; that some of an encrypted file still does, or an old key is needed, is. */
function protectionVerdict({ encrypted, current, keyFiles, olderLeft }: Protection): Verdict {
  if (!encrypted)
    return {
      ok: true,
      what: 'stored data is not encrypted, only checksummed (engine.encryption in tenon.config.yaml)',
    };
  const others = Object.keys(keyFiles).filter((kek) => kek !== current);
  if (olderLeft > 0)
    return {
      ok: false,
      what: `stored data: ${plural(olderLeft, 'events and runs')} from before encryption still stand in clear`,
      fix: 'run `tenon serve`: it encrypts them while runs go on',
    };
  if (current !== undefined && others.length > 0)
    return {
      ok: false,
      what: `stored data is encrypted; keys wrapped by ${others.join(', ')} are left`,
      fix: `run \`tenon data rewrap\`; then ${others.join(', ')} can be taken away`,
    };
  return { ok: true, what: `stored data is encrypted${current === undefined ? '' : `, by ${current}`}` };
}

/** Of what had to go; what is merely kept no longer may stand there too, which docs/operate.md says. */
function unusedVerdict({ tracesSinceMs }: Protection): Verdict[] {
  if (tracesSinceMs === undefined) return [];
  return [
    {
      ok: false,
      isWarning: true,
      what: `unused parts of the database may hold what was erased or encrypted since ${time(tracesSinceMs)}: it was not written anew`,
      fix: `stop Tenon and run \`${REWRITE_COMMAND}\``,
    },
  ];
}

/** Those that servers rotated: they are kept beside the database, by its keys. */
async function refreshTokens(
  { root, workspace }: Session,
  { encryption, refusal }: ReadersKeys,
): Promise<Verdict[]> {
  const tokens = keptTokens(root, encryption);
  const { clear, older } = await tokens.unsealed();
  // That the key is not at hand is said of the database.
  if (refusal !== undefined) return [];
  const { needed, others } = await tokenLocks(tokens, workspace);
  if (needed !== undefined)
    return [
      {
        ok: false,
        what: `a refresh token cannot be read: ${coded(needed)}`,
        code: needed.code,
        fix: `see \`tenon explain ${needed.code}\`; ${LOST_FIX}`,
      },
    ];
  const unneeded = others.map((lock) => ({
    ok: false,
    isWarning: true as const,
    what: `a refresh token that no connection needs cannot be read: ${coded(lock)}`,
    code: lock.code,
    fix: UNNEEDED_FIX,
  }));
  if (encryption === undefined || clear + older === 0) return unneeded;
  const what =
    clear > 0
      ? `${plural(clear, 'refresh tokens')} in ${TOKENS_FOLDER} ${clear === 1 ? 'stands' : 'stand'} in clear`
      : `${plural(older, 'refresh tokens')} in ${TOKENS_FOLDER} ${older === 1 ? 'needs' : 'need'} an older key`;
  return [
    ...unneeded,
    {
      ok: false,
      what,
      fix: `start \`tenon serve\`: it encrypts ${clear + older === 1 ? 'it' : 'them'} by the current key`,
    },
  ];
}

async function port({ root, workspace }: Session, io: Io): Promise<Verdict> {
  const { host, port: number } = workspace.config.server;
  const free = await new Promise<boolean>((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host, port: number }, () => probe.close(() => resolve(true)));
  });
  if (free) return { ok: true, what: `port ${host}:${number} is free` };
  const { url } = await readServerConfig(root);
  const own = await intakeHere({ root, url }, io);
  const intake = own ?? (await readiness(url));
  const holder = holderOf(resolve(root, workspace.config.engine.file));
  if (intake === undefined || (own === undefined && holder === undefined))
    return {
      ok: false,
      what: `port ${host}:${number} is taken by something else`,
      fix: 'stop what listens there, or change server.port',
    };
  const who =
    own === undefined
      ? `a Tenon serves there, and process ${holder} has the database of this workspace`
      : 'the Tenon of this workspace serves there';
  const what = `port ${host}:${number}: ${who}`;
  const { refusal } = intake;
  return refusal === undefined
    ? { ok: true, what }
    : { ok: false, what: `${what}, and takes no event: ${coded(refusal)}`, ...explained(refusal) };
}

interface Intake {
  readonly refusal?: { readonly code: string; readonly message: string };
}

/** The token in the workspace's folder is known to its own Tenon alone; one in the environment may be for any. */
async function intakeHere(target: ClientTarget, io: Io): Promise<Intake | undefined> {
  const client = await operationsClient(target, { ...io, env: {} });
  return client.get('/v1/flow').then(
    // The shape that contracts/operations promises.
    ({ intake }) => (isObject(intake) ? (intake as unknown as FlowReport['intake']) : undefined),
    () => undefined,
  );
}

/** What a Tenon tells anybody; `undefined` of anything else that answers. */
async function readiness(url: string): Promise<Intake | undefined> {
  const signal = AbortSignal.timeout(READINESS_TIMEOUT_MS);
  const response = await fetch(new URL('/v1/ready', url), { redirect: 'manual', signal }).catch(
    () => undefined,
  );
  const answer: unknown = await response?.json().catch(() => undefined);
  if (!isObject(answer)) return undefined;
  if (answer['status'] === 'ok') return {};
  const { code, detail } = answer;
  return typeof code === 'string' && isRuntimeCode(code)
    ? { refusal: { code, message: String(detail) } }
    : undefined;
}

/** Environment variables by the part that names them: whether they are set, never what they hold. */
function variableVerdicts({ workspace: { config } }: Session, io: Io): Verdict[] {
  const unset = new Set(unsetVariables(config, io).map(({ name }) => name));
  const parts = Map.groupBy(namedVariables(config), ({ place }) => partOf(place));
  return [...parts].map(([part, named]) => {
    const missing = [...new Set(named.map(({ name }) => name))].filter((name) => unset.has(name));
    return {
      ok: missing.length === 0,
      what: `${part}: ${missing.length === 0 ? 'its variables are set' : `not set: ${missing.join(', ')}`}`,
      fix: 'set them in the environment of `tenon serve`',
    };
  });
}

/** `connection shop` of what stands below it, `engine.encryption` and the like of anything else. */
function partOf(place: string): string {
  const connection = /^connections\.(.+?)\.(?:baseUrl$|tokenUrls\.|credentials\.|webhookSecrets\[)/.exec(
    place,
  )?.[1];
  return connection === undefined ? /^[^.[]+(?:\.[^.[]+)?/.exec(place)![0] : `connection ${connection}`;
}
