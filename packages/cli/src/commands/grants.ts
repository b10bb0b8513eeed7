import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Grant, Grants } from '@tenon/connector';
import { compareText, isObject, parseDuration } from '@tenon/model';
import { parse } from 'yaml';
import { type Args, type CommandSpec, UsageError } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { asDocument } from '../json-answer.ts';
import { type ConnectionGrants, type GrantsTable, grantsDigest, grantsOf } from '../workspace/grants.ts';
import { CONFIG_FILE } from '../workspace/root.ts';
import { exitCodeOf, openSession, printReport, type Session } from '../workspace/session.ts';

/** Where sign-offs are kept: in the repo, so that they are reviewed and dated like everything else. */
export const REVIEWS_FILE = 'reviews/grants.yaml';
const DAY_MS = 86_400_000;
const AGE_DEFAULT = '90d';

export const grantsCommand: CommandSpec = {
  name: 'grants',
  summary: 'Show what each connection is granted and what pipelines use of it, and record a review of that',
  options: {
    format: { type: 'string', value: '<format>', help: 'how it is printed', choices: ['human', 'json'] },
    write: {
      type: 'boolean',
      help: 'write exactly what the pipelines need into tenon.config.yaml, and say what that changes',
    },
    'sign-off': {
      type: 'string',
      value: '<name>',
      help: 'record that this person has reviewed the table as it is',
    },
    note: { type: 'string', value: '<text>', help: 'said with the sign-off' },
    check: { type: 'boolean', help: 'exit 5 where nobody has signed off the table as it is, or not lately' },
    'max-age': {
      type: 'string',
      value: '<duration>',
      help: `how old a sign-off, and a credential in a file, may be; default ${AGE_DEFAULT}`,
    },
  },
  examples: [
    'tenon grants',
    'tenon grants --write',
    'tenon grants --sign-off ada --note "quarterly review"',
    'tenon grants --check --max-age 90d',
  ],
  run: async (args, io) => {
    const session = await openSession(io);
    if (!('workspace' in session)) {
      await printReport({ diagnostics: session.diagnostics, checked: {} }, session.root, args, io);
      return exitCodeOf(session.diagnostics);
    }
    return grants(session, args, io);
  },
};

async function grants(session: Session, args: Args, io: Io): Promise<ExitCode> {
  const ageMs = parseDuration(args.text('max-age') ?? AGE_DEFAULT);
  if (ageMs === undefined)
    throw new UsageError(
      'argument-invalid',
      `--max-age is a duration, such as 90d; got ${args.text('max-age')}`,
    );
  const table = grantsOf(session.workspace, session.check);
  if (args.flag('write')) {
    const changes = await write(session, table, io);
    if (args.text('format') === 'json') io.out(asDocument({ file: CONFIG_FILE, changes }));
    return exit.clean;
  }
  const digest = grantsDigest(table);
  const now = io.clock.now();
  const by = args.text('sign-off');
  if (by !== undefined)
    await signOff(session.root, { at: new Date(now).toISOString().slice(0, 10), by, digest, ...note(args) });
  const last = (await readReviews(session.root)).at(-1);
  const old = await oldCredentials(table, session.root, now, ageMs);
  const review = reviewState(last, digest, now, ageMs);
  if (args.text('format') === 'json')
    io.out(
      `${JSON.stringify({ ...table, digest, review: { ...last, state: review.state }, oldCredentials: old }, null, 2)}\n`,
    );
  else io.out(`${table.connections.map(describe).join('\n')}${closing(table, old)}${review.says}\n`);
  return args.flag('check') && review.state !== 'current' ? exit.changesPending : exit.clean;
}

function describe(grants: ConnectionGrants): string {
  const { connection, connector, identity, used, granted, unusedScopes, heldScopes, usedScopes } = grants;
  const pipelines = [...new Set([...Object.keys(used), ...Object.keys(granted)])].toSorted(compareText);
  const lines = [
    `${connection}  (connector ${connector}${identity === undefined ? '' : `, identity ${identity}`}${grants.owners.length > 0 ? `, for ${grants.owners.join(', ')}` : ''})`,
    ...pipelines.flatMap((pipeline) => [`  ${pipeline}`, ...linesOf(grants, pipeline)]),
    ...(pipelines.length === 0 ? ['  nothing is granted, and nothing is used'] : []),
    heldScopes === undefined
      ? `  scopes: used ${usedScopes.join(' ') || 'none'}; not said which the credentials hold (\`identity\`)`
      : `  scopes: held ${heldScopes.join(' ') || 'none'}; used ${usedScopes.join(' ') || 'none'}${unusedScopes.length > 0 ? `; held for nothing: ${unusedScopes.join(' ')}` : ''}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** ✓ granted and used, ✗ used and not granted, – granted and not used. */
function linesOf({ used, missing, unused, effects }: ConnectionGrants, pipeline: string): string[] {
  return GRANT_KINDS.flatMap((kind) => {
    const lacking = missing[pipeline]?.[kind] ?? [];
    const needed = used[pipeline]?.[kind] ?? [];
    const what = kind === 'operations' ? '' : `${kind.slice(0, -1)} `;
    return [
      ...needed.map((name) => {
        const effect = kind === 'operations' ? `  ${effects[name]}` : '';
        return lacking.includes(name)
          ? `    ✗ ${what}${name}${effect}  used, and not granted: refused`
          : `    ✓ ${what}${name}${effect}`;
      }),
      ...(unused[pipeline]?.[kind] ?? []).map((name) => `    – ${what}${name}  granted, and not used`),
    ];
  });
}

const GRANT_KINDS = ['operations', 'scopes', 'hosts'] as const;

/** Puts what pipelines need in the place of what is granted; says what that changes, for whoever reviews it. */
async function write(session: Session, table: GrantsTable, io: Io): Promise<readonly string[]> {
  const { root, diagnostics } = session;
  const unread = unreadPipelines(session, table);
  const path = join(root, CONFIG_FILE);
  const before = await readFile(path, 'utf8');
  const { writeGrants } = await import('@tenon/pipeline');
  const after = writeGrants(before, wanted(session, table, unread));
  if (after === before) {
    io.err(`${CONFIG_FILE} grants exactly what is used\n`);
    return [];
  }
  await writeFile(path, after);
  const changes = table.connections.flatMap(({ connection, missing, unused }) => [
    ...changed('+', connection, missing),
    ...changed('-', connection, unused).filter((line) => !unread.has(line.split(': ')[1] ?? '')),
  ]);
  io.err(`${changes.map((line) => `${line}\n`).join('')}~ ${CONFIG_FILE}: read it before you commit it\n`);
  const faulty = diagnostics.flatMap(({ code, severity, file }) =>
    severity === 'error' && code !== 'grant-missing' && table.unplanned.includes(file ?? '') ? [file] : [],
  );
  if (faulty.length > 0)
    io.err(
      `have errors, granted as far as they can be read, and nothing taken away: ${[...new Set(faulty)].join(', ')}\n`,
    );
  return changes;
}

/** What is to be granted: what is needed, and what is granted to pipelines of which nobody can tell what they need. */
function wanted(
  { check }: Session,
  table: GrantsTable,
  unread: ReadonlySet<string>,
): ReadonlyMap<string, Grants> {
  const kept = (granted: Grants, used: Grants): Grants =>
    Object.fromEntries(
      Object.entries(granted).flatMap(([pipeline, grant]) => {
        if (!unread.has(pipeline)) return [];
        const both = (kind: keyof Grant): string[] =>
          [...new Set([...grant[kind], ...(used[pipeline]?.[kind] ?? [])])].toSorted(compareText);
        return [[pipeline, { operations: both('operations'), scopes: both('scopes'), hosts: both('hosts') }]];
      }),
    );
  const all = table.connections.map(
    ({ connection, granted, used }) => [connection, { ...used, ...kept(granted, used) }] as const,
  );
  return new Map(
    all.filter(([connection, grants]) => check.needed.has(connection) || Object.keys(grants).length > 0),
  );
}

/** By name: pipelines of which it cannot be read what they call, for an error in them or in what they call. */
function unreadPipelines(
  { workspace, diagnostics }: Session,
  { unplanned }: GrantsTable,
): ReadonlySet<string> {
  const faulty = diagnostics.flatMap(({ code, severity, file }) =>
    severity === 'error' && code !== 'grant-missing' ? [file ?? ''] : [],
  );
  const isShared = faulty.some((file) => /^(connectors|contracts)\//.test(file));
  return new Set(
    unplanned
      .filter((file) => isShared || faulty.includes(file))
      .flatMap((file) => {
        const text = workspace.pipelineFiles.get(file) ?? '';
        const written = /^ {2}name:[ \t]*["']?([A-Za-z0-9_-]+)/m.exec(text)?.[1];
        return [basename(file).split('.')[0]!, ...(written === undefined ? [] : [written])];
      }),
  );
}

function changed(sign: string, connection: string, grants: Grants): string[] {
  return Object.entries(grants).flatMap(([pipeline, grant]) =>
    GRANT_KINDS.flatMap((kind) =>
      grant[kind].map((name) => `${sign} ${connection}: ${pipeline}: ${kind.slice(0, -1)} ${name}`),
    ),
  );
}

function closing(table: GrantsTable, old: readonly OldCredential[]): string {
  const said = [
    ...listed('connections that nothing uses', table.unusedConnections),
    ...listed('connectors without a connection', table.unusedConnectors),
    ...listed('have errors, counted as far as they can be read', table.unplanned),
    ...old.map(
      ({ connection, reference, days }) =>
        `old credential: ${reference} of ${connection}, unchanged for ${days} days`,
    ),
  ];
  return said.length === 0 ? '' : `\n${said.join('\n')}\n`;
}

function listed(what: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${what}: ${names.join(', ')}`];
}

interface OldCredential {
  readonly connection: string;
  readonly reference: string;
  readonly days: number;
}

/** Credentials in files tell their age; those in variables do not. */
async function oldCredentials(
  table: GrantsTable,
  root: string,
  now: number,
  ageMs: number,
): Promise<OldCredential[]> {
  const found: OldCredential[] = [];
  for (const { connection, credentials } of table.connections)
    for (const reference of credentials) {
      if (!reference.startsWith('file:')) continue;
      const file = await stat(resolve(root, reference.slice('file:'.length))).catch(() => undefined);
      if (file && now - file.mtimeMs > ageMs)
        found.push({ connection, reference, days: Math.floor((now - file.mtimeMs) / DAY_MS) });
    }
  return found;
}

interface Review {
  readonly at: string;
  readonly by: string;
  readonly digest: string;
  readonly note?: string;
}

function reviewState(
  last: Review | undefined,
  digest: string,
  now: number,
  ageMs: number,
): { readonly state: 'none' | 'changed' | 'old' | 'current'; readonly says: string } {
  if (last === undefined) return { state: 'none', says: 'not reviewed yet: tenon grants --sign-off <name>' };
  const said = `${last.by} signed off on ${last.at}`;
  if (last.digest !== digest) return { state: 'changed', says: `${said}, and it has changed since` };
  if (now - Date.parse(last.at) > ageMs) return { state: 'old', says: `${said}, which is too long ago` };
  return { state: 'current', says: `${said}, and nothing has changed since` };
}

function note(args: Args): { note?: string } {
  const text = args.text('note');
  return text === undefined ? {} : { note: text };
}

/** Added at the end: what was signed off before stays. */
async function signOff(root: string, review: Review): Promise<void> {
  const path = join(root, REVIEWS_FILE);
  const before = await readFile(path, 'utf8').catch(() => undefined);
  const entry = `  - { at: '${review.at}', by: ${JSON.stringify(review.by)}, digest: '${review.digest}'${review.note === undefined ? '' : `, note: ${JSON.stringify(review.note)}`} }\n`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(
    path,
    before === undefined
      ? `# Who has reviewed what connections are granted; written by \`tenon grants --sign-off\`.\nreviews:\n${entry}`
      : `${before.trimEnd()}\n${entry}`,
  );
}

async function readReviews(root: string): Promise<readonly Review[]> {
  const text = await readFile(join(root, REVIEWS_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return [];
  const value: unknown = parse(text);
  const reviews = isObject(value) && Array.isArray(value['reviews']) ? value['reviews'] : [];
  return reviews.filter(
    (review): review is Review =>
      isObject(review) &&
      typeof review['at'] === 'string' &&
      typeof review['by'] === 'string' &&
      typeof review['digest'] === 'string',
  );
}
