import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareDiagnostics, type Diagnostic, hasErrors } from '@tenon/model';
import type { Workspace, WorkspaceCheck } from '@tenon/pipeline';
import { cliDiagnostic } from '../cli-rules.ts';
import type { Args, OptionSpec } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { type Format, formats, type Report, render } from '../render/index.ts';
import { toolVersion } from '../version.ts';
import { fileCheckCache } from './check-cache.ts';
import { findRoot, pathInRepository } from './root.ts';

export const formatOption: Readonly<Record<string, OptionSpec>> = {
  format: { type: 'string', value: '<format>', help: 'how findings are printed', choices: formats },
};

/** A workspace as loaded and checked, with all that was found. */
export interface Session {
  readonly root: string;
  readonly workspace: Workspace;
  readonly check: WorkspaceCheck;
  readonly diagnostics: readonly Diagnostic[];
}

/** Loads and checks the workspace around `io.cwd`; a session without a `workspace` could not even be read. */
export async function openSession(
  io: Io,
): Promise<Session | { readonly root?: string; readonly diagnostics: readonly Diagnostic[] }> {
  const root = await findRoot(io.cwd);
  if (root === undefined) return { diagnostics: [workspaceNotFound()] };
  const { checkWorkspace, loadWorkspace } = await import('@tenon/pipeline');
  const loaded = await loadWorkspace(root, { cache: fileCheckCache(root) });
  if (!loaded.value) return { root, diagnostics: [...loaded.diagnostics].sort(compareDiagnostics) };
  const check = checkWorkspace(loaded.value);
  const diagnostics = [...loaded.diagnostics, ...check.diagnostics].sort(compareDiagnostics);
  return { root, workspace: loaded.value, check, diagnostics };
}

export function workspaceNotFound(): Diagnostic {
  return cliDiagnostic('workspace-not-found', { message: 'there is no tenon.config.yaml here or above' });
}

/** A machine is given a report where nothing was found, too. */
export function isForPeople(args: Args): boolean {
  return (args.text('format') ?? 'human') === 'human';
}

/** Prints a report: data to stdout in a machine's format, to stdout for people too, so that it can be piped to a pager. */
export async function printReport(
  report: Report,
  root: string | undefined,
  args: Args,
  io: Io,
  texts: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  const format = (args.text('format') ?? 'human') as Format;
  const prefix = root === undefined || !OF_REPOSITORY.has(format) ? '' : await pathInRepository(root);
  // Once each: many findings may be about one document of megabytes.
  const read = new Map<string, string | undefined>(texts);
  io.out(
    render(format, placedBelow(prefix, report), {
      color: io.color,
      // Only SARIF carries the rules; all of them together mean loading every package.
      rules: format === 'sarif' ? (await import('../rules.ts')).allRules : {},
      toolVersion,
      readText: (file) => {
        if (!read.has(file)) read.set(file, textOf(root === undefined ? file : join(root, file)));
        return read.get(file);
      },
    }),
  );
}

/** Read by what knows files by their place in the repository, where a workspace may be a folder among others. */
const OF_REPOSITORY: ReadonlySet<Format> = new Set(['github', 'sarif']);

function placedBelow(prefix: string, report: Report): Report {
  if (prefix === '') return report;
  const diagnostics = report.diagnostics.map((one) =>
    one.file === undefined ? one : { ...one, file: prefix + one.file },
  );
  return { ...report, diagnostics };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

export function exitCodeOf(diagnostics: readonly Diagnostic[]): ExitCode {
  if (diagnostics.some(({ code }) => code === 'workspace-not-found')) return exit.usage;
  return hasErrors(diagnostics) ? exit.findings : exit.clean;
}
