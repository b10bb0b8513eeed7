import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Diagnostic, didYouMean } from '@tenon/model';
import { OWNERS_FILE, readOwners, VACANT, type Workspace } from '@tenon/pipeline';
import { cliDiagnostic } from '../cli-rules.ts';
import { type Args, UsageError } from '../command.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { plural, type Report } from '../render/index.ts';
import { CONFIG_FILE, exists, findRoot } from '../workspace/root.ts';
import { exitCodeOf, isForPeople, openSession, printReport } from '../workspace/session.ts';

/** What is new may do what it was asked to do; what others are granted is left as it is. */
export async function grantNeeds(pipeline: string, root: string, io: Io): Promise<void> {
  const session = await openSession(io);
  if (!('workspace' in session)) return;
  const { workspace, check } = session;
  const grants = [...check.needed].flatMap(([connection, { [pipeline]: grant }]) =>
    grant === undefined
      ? []
      : [[connection, { ...workspace.config.connections[connection]?.grants, [pipeline]: grant }] as const],
  );
  const { writeGrants } = await import('@tenon/pipeline');
  const path = join(root, CONFIG_FILE);
  await writeFile(path, writeGrants(await readFile(path, 'utf8'), new Map(grants)));
}

export interface NewFile {
  /** In the workspace. */
  readonly path: string;
  readonly text: string;
}

/** Writes files that are not there yet; when one is, none is written. `ofContract`: what to do where it is one of a contract. */
export async function writeNew(
  root: string,
  files: readonly NewFile[],
  ofContract?: string,
): Promise<string[] | Diagnostic> {
  for (const { path } of files) {
    if (await exists(join(root, path)))
      return cliDiagnostic('workspace-file-exists', {
        message: `${path} exists already`,
        ...(path.startsWith('contracts') && ofContract !== undefined && { fix: ofContract }),
      });
  }
  for (const { path, text } of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text, { flag: 'wx' });
  }
  return files.map(({ path }) => path);
}

export async function report(
  diagnostics: readonly Diagnostic[],
  root: string | undefined,
  args: Args,
  io: Io,
  checked: Report['checked'] = { files: new Set(diagnostics.map(({ file }) => file)).size },
): Promise<ExitCode> {
  if (diagnostics.length > 0 || !isForPeople(args))
    await printReport({ diagnostics, checked }, root, args, io);
  return exitCodeOf(diagnostics);
}

/** What the workspace finds now and did not before: of what was added, or because of it. What was found before is only counted. */
export async function checkAdded(
  before: readonly Diagnostic[],
  root: string,
  args: Args,
  io: Io,
): Promise<ExitCode> {
  const session = await openSession({ ...io, cwd: root });
  const fresh = freshOf(before, session.diagnostics);
  const code = await report(
    fresh,
    root,
    args,
    io,
    ...('workspace' in session ? [session.check.checked] : []),
  );
  const others = session.diagnostics.length - fresh.length;
  if (others > 0) io.err(`\`tenon check\` also has ${plural(others, 'findings')} from before\n`);
  return code;
}

/** Two findings of one subject have one fingerprint: as many as there were count as those from before. */
export function freshOf(before: readonly Diagnostic[], now: readonly Diagnostic[]): readonly Diagnostic[] {
  const known = Map.groupBy(before, ({ fingerprint }) => fingerprint);
  const fresh = [...Map.groupBy(now, ({ fingerprint }) => fingerprint)].flatMap(([fingerprint, found]) => {
    const old = known.get(fingerprint) ?? [];
    const messages = new Set(old.map(({ message }) => message));
    // What was said before, in the same words, counts first.
    return found
      .sort((a, b) => Number(messages.has(b.message)) - Number(messages.has(a.message)))
      .slice(old.length);
  });
  return now.filter((one) => fresh.includes(one));
}

export function needName(args: Args): string {
  const name = args.positionals[0]!;
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new UsageError(
      'argument-invalid',
      `"${name}" cannot be a name; use lower-case letters, digits and dashes`,
    );
  return name;
}

export async function needRoot(io: Io): Promise<string> {
  const root = await findRoot(io.cwd);
  if (root === undefined)
    throw new UsageError(
      'workspace-not-found',
      'there is no tenon.config.yaml here or above; run `tenon init` first',
    );
  return root;
}

/** A team that nobody knows is said before anything is written. Without `owners.yaml` any name will do. */
export async function needTeams(args: Args, root: string): Promise<void> {
  const text = await readFile(join(root, OWNERS_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const { isReadable, teams } = readOwners(text);
  if (isReadable) for (const option of ['owner', 'backup']) needTeam(option, args.text(option), teams);
}

function needTeam(option: string, named: string | undefined, teams: ReadonlySet<string>): void {
  if (named === undefined || teams.has(named)) return;
  const near = didYouMean(named, teams);
  throw new UsageError(
    'argument-unknown',
    `--${option}: owners.yaml has no team \`${named}\`${near === undefined ? '.' : `; did you mean \`${near}\`?`} There are: ${[...teams].join(', ') || 'none'}. Name one of them, or add the team to owners.yaml; nothing was written (\`tenon explain unknown-team\`)`,
  );
}

/** Who answers for something new, and who stands in: as asked for, else the first of those named whom `owners.yaml` knows, else its
 * first team: the new file is to pass where there is somebody to answer for it. */
export function ownersFor(
  args: Args,
  { teams }: Pick<Workspace, 'teams'>,
  named: readonly (string | undefined)[],
): { readonly owner: string; readonly backup: string } {
  const answering = [...named, ...(teams ?? [])].find(
    (team) => team !== undefined && (teams === undefined || teams.has(team)),
  );
  const owner = args.text('owner') ?? answering ?? VACANT.owner;
  return {
    owner,
    backup: args.text('backup') ?? [...(teams ?? [])].find((team) => team !== owner) ?? VACANT.backup,
  };
}
